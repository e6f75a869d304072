"""Addresses in the Moscow region, and the authorities that issue passports there."""

from dataclasses import dataclass
from datetime import date
from random import Random

MOSCOW = "г. Москва"

# Town, first three digits of the postcode, town name in the genitive, number of the department.
TOWNS = [
    (MOSCOW, "125", "Москвы", 1),
    ("г. Балашиха", "143", "Балашихи", 4),
    ("г. Подольск", "142", "Подольска", 57),
    ("г. Химки", "141", "Химок", 94),
    ("г. Мытищи", "141", "Мытищ", 39),
    ("г. Королёв", "141", "Королёва", 27),
    ("г. Люберцы", "140", "Люберец", 34),
    ("г. Красногорск", "143", "Красногорска", 29),
    ("г. Электросталь", "144", "Электростали", 107),
    ("г. Коломна", "140", "Коломны", 22),
    ("г. Одинцово", "143", "Одинцова", 46),
    ("г. Серпухов", "142", "Серпухова", 70),
    ("г. Щёлково", "141", "Щёлкова", 101),
    ("г. Орехово-Зуево", "142", "Орехова-Зуева", 50),
    ("г. Долгопрудный", "141", "Долгопрудного", 13),
    ("г. Жуковский", "140", "Жуковского", 17),
    ("г. Пушкино", "141", "Пушкина", 62),
    ("г. Реутов", "143", "Реутова", 63),
    ("г. Ногинск", "142", "Ногинска", 43),
    ("г. Звенигород", "143", "Звенигорода", 19),
]

STREETS = (
    "ул. Ленина|ул. Кирова|ул. Лесная|ул. Садовая|ул. Советская|ул. Школьная|ул. Гагарина|ул. Победы|пр-т Мира|"
    "ул. Октябрьская|ул. Комсомольская|ул. Парковая|ул. Южная|ул. Заречная|ул. Молодёжная|ул. Зелёная|ул. Пушкина|"
    "ул. Чехова|ул. Толстого|ул. Горького|б-р Космонавтов|ул. Строителей|ул. Полевая|ул. Речная|наб. Канала|"
    "ул. Академика Королёва|пр-т Вернадского|ул. Профсоюзная|ул. Большая Ордынка|Ленинградское ш.|ул. Первомайская|"
    "ул. Ивановская|ул. Железнодорожная|ул. Вокзальная|мкр. Новый, Тенистая ул.|ул. 50 лет Октября|ул. Шоссейная"
).split("|")


@dataclass(frozen=True)
class Home:
    address: str
    issuer: str  # town name in the genitive; the name of the passport authority also depends on the year
    department: str

    def issued_by(self, on: date) -> str:
        """Return the name of the authority on the day a passport was issued."""
        if self.issuer == "Москвы":
            if on.year >= 2018:
                return "ГУ МВД России по г. Москве"
            return "Отделением УФМС России по г. Москве" if on.year >= 2007 else "ОВД г. Москвы"
        if on.year >= 2018:
            return "ГУ МВД России по Московской области"
        if on.year >= 2007:
            return f"ТП УФМС России по Московской области г. {self.issuer}"
        return f"УВД г. {self.issuer} Московской области"


def home(random: Random) -> Home:
    """Return a random address."""
    town, post, genitive, number = TOWNS[int(random.random() ** 1.5 * len(TOWNS))]
    region = town if town == MOSCOW else f"Московская обл., {town}"
    house = int(random.random() ** 2 * 120) + 1
    building = f" корп. {random.randint(1, 4)}" if random.random() < 0.15 else ""
    flat = int(random.random() * 240) + 1
    street = STREETS[int(random.random() * len(STREETS))]
    code = "770" if town == MOSCOW else "500"
    return Home(
        address=f"{post}{int(random.random() * 400):03}, {region}, {street}, д. {house}{building}, кв. {flat}",
        issuer=genitive,
        department=f"{code}-{number:03}",
    )
