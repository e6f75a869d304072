"""Home appliances: type, title and specifications."""

from random import Random

# Titles with matching specifications, by type.
CATALOGUE = {
    "холодильник": [
        ("Холодильник Бирюса 118", "Двухкамерный, 180 л, класс A, 48 × 60,5 × 145 см"),
        ("Холодильник Атлант ХМ 4208", "Двухкамерный, 185 л, капельная система, класс A"),
        ("Холодильник Haier C2F636", "No Frost, 364 л, инверторный компрессор, класс A+"),
    ],
    "телевизор": [
        ("Телевизор Samsung UE43", "43″, 3840 × 2160, Smart TV, 50 Гц"),
        ("Телевизор LG 55UR78", "55″, 4K, webOS, HDR10"),
        ("Телевизор Яндекс ТВ 50", "50″, 4K, Алиса, 2 × HDMI"),
    ],
    "телефон": [
        ("Смартфон Xiaomi Redmi 12", "6,79″, 8/256 ГБ, 5000 мА·ч"),
        ("Смартфон Samsung Galaxy A54", "6,4″, 6/128 ГБ, чёрный"),
        ("Телефон Panasonic KX-TG", "Радиотелефон DECT, две трубки"),
    ],
    "планшет": [("Планшет Huawei MatePad", "10,4″, 4/64 ГБ, Wi-Fi"), ("Планшет Lenovo Tab M10", "10,1″, 4/64 ГБ, LTE")],
    "роутер": [
        ("Роутер Keenetic Viva", "AC1300, 5 × 1 Гбит/с, USB"),
        ("Роутер TP-Link Archer C80", "AC1900, MU-MIMO, 4 антенны"),
    ],
    "плита": [
        ("Плита Gefest 3200", "Газовая, 4 конфорки, газ-контроль, 50 × 57 см"),
        ("Плита Hansa FCCX", "Электрическая, стеклокерамика, 4 конфорки"),
    ],
    "варочная панель": [("Варочная панель Bosch PKE645", "Электрическая, 60 см, таймер, 6,6 кВт")],
    "вытяжка": [("Вытяжка Elikor Интегра 60", "Встраиваемая, 400 м³/ч, 3 скорости")],
    "духовка": [("Духовой шкаф Gorenje BO 6735", "71 л, гриль, конвекция, класс A")],
    "кондиционер": [("Кондиционер Ballu BSD-09", "До 26 м², инвертор, 2,6 кВт, фреон R32")],
}
TYPES = list(CATALOGUE)
DESCRIPTIONS = [
    "",
    "",
    "",
    "Стоит на кухне.",
    "Куплен вместе с гарнитуром.",
    "Есть царапина на дверце.",
    "На гарантии до осени.",
]


def appliance(random: Random) -> tuple[str, str, str]:
    """Return type, title and specifications of a random appliance."""
    kind = TYPES[int(random.random() ** 1.4 * len(TYPES))]
    choices = CATALOGUE[kind]
    return kind, *choices[int(random.random() * len(choices))]


def serial(random: Random) -> str:
    """Return a random serial number, such as «SN7K2M-40213»."""
    letters = "".join(random.choice("ABCDEFGHKLMNPRSTUVXYZ23456789") for _ in range(6))
    return f"{letters}-{int(random.random() * 100_000):05}"
