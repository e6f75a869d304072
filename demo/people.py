"""Random Russian names with surname and patronymic in the right gender; some with ё, some double-barrelled."""

from dataclasses import dataclass
from random import Random

# Most frequent first (see rank_weights).
SURNAMES = (
    "Иванов Смирнов Кузнецов Попов Соколов Лебедев Козлов Новиков Морозов Петров Волков Соловьёв Васильев Зайцев "
    "Павлов Семёнов Голубев Виноградов Богданов Воробьёв Фёдоров Михайлов Беляев Тарасов Белов Комаров Орлов Киселёв "
    "Макаров Андреев Ковалёв Ильин Гусев Титов Кузьмин Кудрявцев Баранов Куликов Алексеев Степанов Яковлев Сорокин "
    "Сергеев Романов Захаров Борисов Королёв Герасимов Пономарёв Григорьев Лазарев Медведев Ершов Никитин Соболев "
    "Рябов Поляков Цветков Данилов Жуков Фролов Журавлёв Николаев Крылов Максимов Сидоров Осипов Белоусов Федотов "
    "Дорофеев Егоров Матвеев Бобров Дмитриев Калинин Анисимов Петухов Антонов Тимофеев Никифоров Веселов Филиппов "
    "Марков Большаков Суханов Миронов Ширяев Александров Коновалов Шестаков Казаков Ефимов Денисов Громов Фомин "
    "Давыдов Мельников Щербаков Блинов Колесников Карпов Афанасьев Власов Маслов Исаков Тихонов Аксёнов Гаврилов "
    "Родионов Котов Горбунов Кудряшов Быков Зуев Третьяков Савельев Панов Рыбаков Суворов Абрамов Воронов Мухин "
    "Архипов Трофимов Мартынов Емельянов Горшков Чернов Овчинников Селезнёв Панфилов Копылов Михеев Галкин Назаров "
    "Лобанов Лукин Беляков Потапов Некрасов Хохлов Жданов Наумов Шилов Воронцов Ермаков Дроздов Игнатьев Савин Логинов "
    "Шубин Белозёров Дьячков Красильников Троицкий Вознесенский Островский Черкасский Раевский Толстой Крутой Донской "
    "Черных Седых Шевченко Бондаренко Коваленко Мельник Гончар Франк Берг"
).split()

MEN = (
    "Александр Сергей Дмитрий Алексей Андрей Иван Михаил Владимир Николай Максим Евгений Артём Павел Юрий Игорь Пётр "
    "Константин Олег Роман Виктор Антон Илья Денис Никита Кирилл Егор Василий Григорий Фёдор Семён Степан Матвей "
    "Борис Леонид Лев Глеб Тимофей Арсений Геннадий Вячеслав"
).split()

WOMEN = (
    "Анна Елена Ольга Наталья Татьяна Екатерина Мария Ирина Светлана Анастасия Юлия Марина Дарья Людмила Галина "
    "Ксения Надежда Валентина Вера Полина Алёна Любовь Софья Виктория Алина Евгения Оксана Лариса Нина Кристина "
    "Варвара Василиса Тамара Зинаида Антонина"
).split()

# A father's name and the patronymics of his son and daughter.
PATRONYMICS = [
    pair.split("/")
    for pair in (
        "Александрович/Александровна Сергеевич/Сергеевна Владимирович/Владимировна Николаевич/Николаевна "
        "Иванович/Ивановна Алексеевич/Алексеевна Викторович/Викторовна Михайлович/Михайловна Андреевич/Андреевна "
        "Анатольевич/Анатольевна Юрьевич/Юрьевна Петрович/Петровна Васильевич/Васильевна Дмитриевич/Дмитриевна "
        "Евгеньевич/Евгеньевна Игоревич/Игоревна Геннадьевич/Геннадьевна Борисович/Борисовна Олегович/Олеговна "
        "Валерьевич/Валерьевна Павлович/Павловна Константинович/Константиновна Григорьевич/Григорьевна "
        "Фёдорович/Фёдоровна Семёнович/Семёновна Степанович/Степановна Ильич/Ильинична Никитич/Никитична "
        "Львович/Львовна Артёмович/Артёмовна Романович/Романовна Максимович/Максимовна Кириллович/Кирилловна"
    ).split()
]

LATIN = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya".replace("_", "").split(" "),
        strict=True,
    )
)


def rank_weights(count: int) -> list[float]:
    """Return weights for a list of names ordered by falling frequency."""
    return [1 / (rank + 4) for rank in range(count)]


@dataclass(frozen=True)
class Person:
    last_name: str
    first_name: str
    middle_name: str

    @property
    def full_name(self) -> str:
        return f"{self.last_name} {self.first_name} {self.middle_name}"

    @property
    def login(self) -> str:
        """The local part of an e-mail, such as «ivanov.petr»."""
        return transliterate(f"{self.last_name}.{self.first_name}")


def transliterate(text: str) -> str:
    return "".join(LATIN.get(letter, letter) for letter in text.lower())


def feminine(surname: str) -> str:
    """Return the feminine form of a surname: «Королёва», «Троицкая», «Черных», «Соколова-Раевская»."""
    if "-" in surname:
        return "-".join(feminine(part) for part in surname.split("-"))
    if surname.endswith(("ов", "ев", "ёв", "ин")):
        return f"{surname}а"
    if surname.endswith(("ий", "ой")):
        return f"{surname[:-2]}ая"
    return surname


def people(random: Random, count: int, double: float = 0.02) -> list[Person]:
    """Return `count` random people, half of them women; the fraction `double` has a double-barrelled surname."""
    surnames = random.choices(SURNAMES, rank_weights(len(SURNAMES)), k=count)
    men = random.choices(MEN, rank_weights(len(MEN)), k=count)
    women = random.choices(WOMEN, rank_weights(len(WOMEN)), k=count)
    fathers = random.choices(PATRONYMICS, rank_weights(len(PATRONYMICS)), k=count)
    people = []
    for surname, man, woman, (son, daughter) in zip(surnames, men, women, fathers, strict=True):
        is_woman, last_name = random.random() < 0.5, surname
        if random.random() < double:
            last_name = f"{surname}-{random.choice([other for other in SURNAMES if other != surname])}"
        people.append(Person(feminine(last_name), woman, daughter) if is_woman else Person(last_name, man, son))
    return people
