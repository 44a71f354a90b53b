"""Sample conversations between friends over many months, with questions and the turns that answer them.

Invented throughout. What makes finding hard in real talk is made on purpose: the question uses other words than the
turn; the friend repeats the topic and the answer does not; the same topic comes up again later, or with the other
speaker; a date is that of the day on which something was told.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any

PAIRS = (("Anka", "Bram"), ("Celine", "Dirk"), ("Esra", "Finn"), ("Greta", "Hanno"))
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_SLOTS = {
    "town": [
        "Lisbon",
        "Ghent",
        "Tallinn",
        "Porto",
        "Bergen",
        "Seville",
        "Krakow",
        "Trieste",
        "Malmo",
        "Bologna",
        "Galway",
        "Utrecht",
    ],
    "pet": ["a grey kitten", "an old greyhound", "two rabbits", "a parrot", "a terrier puppy", "a tortoise"],
    "petname": ["Biscuit", "Nimbus", "Pepper", "Waffles", "Juno", "Olive"],
    "instrument": ["the cello", "the accordion", "the ukulele", "the trumpet", "the harp", "the drums"],
    "dish": [
        "a mushroom risotto",
        "a plum cake",
        "fish tacos",
        "a lentil curry",
        "dumplings",
        "a lemon tart",
        "sourdough bread",
    ],
    "sport": ["bouldering", "rowing", "fencing", "badminton", "trail running", "archery", "ice skating"],
    "book": [
        "a novel about lighthouse keepers",
        "a history of spices",
        "a thriller set on a train",
        "poems about the sea",
    ],
    "craft": [
        "pottery",
        "woodcarving",
        "knitting",
        "watercolours",
        "bookbinding",
        "photography",
        "calligraphy",
    ],
    "job": [
        "a bakery",
        "a veterinary clinic",
        "a law firm",
        "the city library",
        "a startup for bicycles",
        "a museum",
    ],
    "injury": ["my wrist", "my ankle", "two ribs", "my collarbone", "my knee"],
    "relative": ["sister", "brother", "cousin", "grandmother", "aunt", "uncle", "father", "niece"],
    "thing": [
        "a blue bicycle",
        "a second-hand piano",
        "a telescope",
        "a sewing machine",
        "a canoe",
        "a film camera",
    ],
    "fear": ["flying", "heights", "speaking in public", "deep water", "thunderstorms"],
    "cause": [
        "the food bank",
        "an animal shelter",
        "the flood relief",
        "a children's hospital",
        "beach cleaning",
    ],
    "plant": ["tomatoes", "sunflowers", "a lemon tree", "orchids", "strawberries", "herbs"],
    "number": ["three", "four", "five", "six", "seven", "nine", "eleven", "twelve"],
    "film": ["an old western", "a documentary about whales", "a silent comedy", "a space opera"],
    "color": ["dark green", "pale yellow", "brick red", "sky blue", "lavender"],
}
# A topic; what is told; how the friend goes on; what is told then; what may be asked.
_FACTS: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    (
        "trip",
        "I just got back from {town}, the old streets there were lovely.",
        "How was {town}? I always wanted to see it.",
        "We stayed with friends for {number} nights and walked everywhere.",
        ("Where did {me} travel to?", "Which city did {me} visit?", "When did {me} go to {town}?"),
    ),
    (
        "pet",
        "Guess what, we adopted {pet} yesterday!",
        "No way! Does the little one have a name yet?",
        "We went for {petname}, the kids insisted.",
        ("What animal did {me} take in?", "What is {me}'s pet called?", "When did {me} get {pet}?"),
    ),
    (
        "music",
        "I signed up for lessons, I'm learning {instrument} now.",
        "What made you start with music?",
        "My {relative} used to play and I missed hearing it at home.",
        (
            "Which instrument does {me} play?",
            "Why did {me} begin to make music?",
            "When did {me} start learning {instrument}?",
        ),
    ),
    (
        "cooking",
        "Last night I finally made {dish} from scratch.",
        "Sounds delicious. Was it difficult?",
        "It took me {number} tries until it stopped falling apart.",
        (
            "What did {me} cook?",
            "How many attempts did {me} need for the recipe?",
            "When did {me} make {dish}?",
        ),
    ),
    (
        "sport",
        "I've taken up {sport}, there is a club round the corner.",
        "Are you any good at it?",
        "I came second in the beginners' contest, so not too bad!",
        ("What sport does {me} do?", "How did {me} do in the competition?", "When did {me} take up {sport}?"),
    ),
    (
        "book",
        "I can't put down {book}, it kept me up until two.",
        "Who recommended that one?",
        "My {relative} lent it to me and wants it back by Sunday.",
        ("What has {me} been reading?", "Who gave {me} the reading tip?"),
    ),
    (
        "craft",
        "I spent the weekend at a {craft} workshop.",
        "Show me what you made!",
        "A present for my {relative}, it is still a bit crooked.",
        (
            "Which creative hobby did {me} try?",
            "For whom did {me} make something in the course?",
            "When was {me}'s {craft} class?",
        ),
    ),
    (
        "job",
        "I got the job! I start at {job} next month.",
        "Congratulations! What will you be doing there?",
        "Mostly planning and talking to people, which suits me.",
        (
            "Where does {me} work now?",
            "What does {me}'s new position involve?",
            "When did {me} hear about the job at {job}?",
        ),
    ),
    (
        "injury",
        "Bad luck this week, I broke {injury} on the stairs.",
        "Ouch! How long until it heals?",
        "The doctor says {number} weeks and no lifting.",
        ("What did {me} hurt?", "How long will {me} have to recover?", "When did {me} have the accident?"),
    ),
    (
        "family",
        "My {relative} is moving in with us for a while.",
        "That is a big change, how do you feel about it?",
        "A little nervous, but the spare room was empty anyway.",
        ("Who is coming to live with {me}?", "How does {me} feel about sharing the home?"),
    ),
    (
        "buy",
        "I treated myself to {thing} at the flea market.",
        "What did you pay for it?",
        "Only {number} hundred, and it works like new.",
        ("What did {me} purchase?", "How much did {me} spend at the market?", "When did {me} buy {thing}?"),
    ),
    (
        "fear",
        "To be honest I am still terrified of {fear}.",
        "Did something happen?",
        "An incident in my childhood, at a lake with my {relative}.",
        ("What is {me} afraid of?", "Where does {me}'s anxiety come from?"),
    ),
    (
        "cause",
        "I started volunteering for {cause} on Saturdays.",
        "That's so good of you. What do they have you do?",
        "Sorting donations and driving the van once a week.",
        (
            "What charity does {me} support?",
            "What are {me}'s tasks as a volunteer?",
            "When did {me} begin to help at {cause}?",
        ),
    ),
    (
        "garden",
        "The balcony is full, I planted {plant} everywhere.",
        "Do they get enough light?",
        "Afternoon sun only, so we'll see whether anything survives.",
        (
            "What grows at {me}'s place?",
            "How much sunshine do {me}'s plants get?",
            "When did {me} plant {plant}?",
        ),
    ),
    (
        "film",
        "We watched {film} at the open-air cinema.",
        "Was it worth the mosquitoes?",
        "Absolutely, I laughed and cried and fell asleep once.",
        ("What did {me} see at the movies?", "Did {me} like the screening?"),
    ),
    (
        "house",
        "We painted the living room {color} over the holidays.",
        "Bold choice! Who picked that?",
        "My {relative} did, and I gave in after a long fight.",
        ("What colour are {me}'s walls?", "Who decided how {me}'s flat looks?", "When did {me} redecorate?"),
    ),
    (
        "exam",
        "I passed my exam, the one for the boat licence!",
        "Amazing, was the practical part hard?",
        "Knots were the worst, I had nightmares about them.",
        (
            "What test did {me} succeed in?",
            "What did {me} find hardest about sailing?",
            "When did {me} pass the exam?",
        ),
    ),
    (
        "party",
        "My {relative}'s birthday was wild, {number} cousins in one kitchen.",
        "Did they like your present?",
        "They loved it, I had made an album with old photos.",
        ("Whose celebration did {me} attend?", "What gift did {me} bring?", "How many cousins came?"),
    ),
    (
        "dream",
        "One day I want to open a small café near the harbour.",
        "I could see you doing that. What is stopping you?",
        "The rent, honestly. I am saving a little every month.",
        ("What is {me}'s plan for the future?", "Why has {me} not opened a business yet?"),
    ),
    (
        "health",
        "I stopped drinking coffee and I sleep so much better.",
        "Did the doctor tell you to?",
        "No, it was a bet with my {relative}, and I won.",
        ("What did {me} give up?", "Why did {me} change the diet?", "When did {me} stop drinking coffee?"),
    ),
    (
        "storm",
        "The storm took half of our roof last week.",
        "Is everybody all right?",
        "Yes, we slept at my {relative}'s place until it was fixed.",
        (
            "What damaged {me}'s house?",
            "Where did {me} stay during the repairs?",
            "When did {me} lose the roof?",
        ),
    ),
    (
        "course",
        "I'm taking evening classes in sign language.",
        "What got you interested in that?",
        "A new colleague at work is deaf and I want to chat with her.",
        (
            "Which language is {me} learning?",
            "Why does {me} study in the evenings?",
            "When did {me} begin the classes?",
        ),
    ),
)
_AGAIN = (
    "I was thinking about {topic} again today, isn't it funny.",
    "Your story about {topic} made me smile, {you}.",
    "My neighbour talked about {topic} the whole evening.",
    "Somebody at the office mentioned {topic} and I had to think of you, {you}.",
    "Remember when we argued about {topic}? Good times.",
)
_SMALL = (
    "Hey {you}! Long time no talk, how are you?",
    "Hi {you}, good to hear from you! All well here.",
    "That sounds wonderful, {you}!",
    "Oh wow, I had no idea.",
    "Haha, that is so you.",
    "I can imagine, {you}.",
    "How about you, anything new?",
    "Same here, work has been crazy.",
    "It rained the whole weekend, so I stayed in.",
    "You should be proud of yourself.",
    "Let's meet up soon, I miss our walks.",
    "Thanks, that means a lot to me.",
    "I totally agree with you on that.",
    "Take care, talk to you soon!",
    "Yes, exactly. It is all about patience.",
    "Do you want to come over on Friday?",
    "I'll send you a picture later.",
    "Sure, just tell me when.",
    "It reminded me how important friends are.",
    "I need a holiday, seriously.",
    "Good luck, {you}, I believe in you!",
    "What a week. I'm glad it's over.",
    "Did you sleep well? You sounded tired last time.",
    "Ha, never mind.",
    "I have to run, the bus is coming.",
    "You always know what to say, {you}.",
    "Keep me posted, okay?",
)


_PLAIN = frozenset(
    (
        *(
            "about",
            "again",
            "always",
            "because",
            "been",
            "came",
            "does",
            "every",
            "everywhere",
            "finally",
            "from",
        ),
        *(
            "have",
            "just",
            "last",
            "like",
            "many",
            "much",
            "next",
            "over",
            "should",
            "some",
            "that",
            "their",
            "them",
        ),
        *(
            "there",
            "they",
            "this",
            "until",
            "used",
            "wanted",
            "was",
            "week",
            "were",
            "what",
            "which",
            "will",
            "with",
        ),
        *("would", "yesterday", "your", "good", "great", "really", "well"),
    )
)


def telling(random: Random, text: str, count: int) -> list[str]:
    """Some words of a text that somebody who remembers it would use, in their order."""
    words = [word for word in re.findall(r"[A-Za-z-]+", text) if len(word) > 3 and word.lower() not in _PLAIN]
    chosen = sorted(random.sample(range(len(words)), min(count, len(words))))
    return [words[place].lower() if not words[place][0].isupper() else words[place] for place in chosen]


def conversations(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Records in order, and questions."""
    random = Random(seed)
    records: list[dict[str, Any]] = []
    questions: list[dict[str, Any]] = []
    for number, pair in enumerate(PAIRS):
        told, asked = _one(random, f"talk-{number + 1}", pair)
        records += told
        questions += asked
    return records, questions


def _one(
    random: Random, thread: str, pair: tuple[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    records: list[dict[str, Any]] = []
    questions: list[dict[str, Any]] = []
    plans = [(fact, me, you) for fact in _FACTS for me, you in (pair, pair[::-1])]
    random.shuffle(plans)
    plans = plans[:34]
    per_month: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def say(who: str, text: str, when: str) -> str:
        name = f"{thread}.{len(records) + 1}"
        records.append({"id": name, "text": text, "actor": who, "time": when, "thread": thread})
        return name

    day, month = 3, random.randrange(12)
    while plans:
        day += random.randint(5, 16)
        if day > 28:
            day, month = day - 27, month + 1
        when = f"{_year(month)}-{month % 12 + 1:02d}-{day:02d}T{random.randint(8, 21):02d}:{random.randint(0, 59):02d}"
        opener, other = random.sample(pair, 2)
        # News often come with the greeting, before anybody has asked.
        at_once = random.random() < 0.6
        if not at_once:
            _small(random, say, opener, other, when, greet=True)
        for place, (fact, me, you) in enumerate(plans[:2]):
            slots = {name: random.choice(values) for name, values in _SLOTS.items()} | {"me": me, "you": you}
            _, told, ask, more, asked = fact
            if place == 0 and at_once:
                told = f"{_SMALL[random.randrange(2)]} {told}"
            # What somebody said is often told by the other one.
            told = f'You told me in the car, {me}: "{told}"' if place and random.random() < 0.4 else told
            first = say(you if told.startswith("You told") else me, told.format(**slots), when)
            say(you, ask.format(**slots), when)
            second = say(me, more.format(**slots), when)
            questions += _questions(random, thread, asked, slots, (first, told), (second, more))
            per_month.setdefault((me, _MONTHS[month % 12]), []).append((first, fact[0]))
            for _ in range(random.randint(1, 4)):
                _small(random, say, *random.sample(pair, 2), when)
            if records and random.random() < 0.5:
                topic = random.choice([value for value in slots.values() if len(value.split()) > 1])
                say(you, random.choice(_AGAIN).format(topic=topic, you=me), when)
        plans = plans[2:]
    for (me, name), found in sorted(per_month.items()):
        if len(found) <= 3:
            evidence = [first for first, _ in found]
            text = random.choice(
                ("What did {me} tell in {month}?", "What happened in {me}'s life in {month}?")
            )
            questions.append(
                {"question": text.format(me=me, month=name), "evidence": evidence, "thread": thread}
            )
    return records, questions


def _questions(
    random: Random,
    thread: str,
    asked: tuple[str, ...],
    slots: dict[str, str],
    one: tuple[str, str],
    two: tuple[str, str],
) -> list[dict[str, Any]]:
    (first, told), (second, more) = one, two
    found = []
    for number, form in enumerate(asked):
        if random.random() < 0.6:
            continue
        evidence = [first] if number != 1 else [second]
        if number == 1 and random.random() < 0.2:
            evidence = [first, second]
        found.append({"question": form.format(**slots), "evidence": evidence, "thread": thread})
    if random.random() < 0.3:
        words = telling(random, told.format(**slots), 1) + telling(random, more.format(**slots), 1)
        found.append(
            {"question": _said(random, slots["me"], words), "evidence": [first, second], "thread": thread}
        )
    for evidence_text, name in ((told, first), (more, second)):
        if random.random() < 0.6:
            words = telling(random, evidence_text.format(**slots), random.randint(2, 3))
            found.append(
                {"question": _said(random, slots["me"], words), "evidence": [name], "thread": thread}
            )
    return found


def _said(random: Random, me: str, words: list[str]) -> str:
    forms = (
        "What did {me} say about {words}?",
        "When did {me} mention {words}?",
        "How did {me} get to {words}?",
    )
    return random.choice((*forms, "Did {me} ever talk of {words}?")).format(me=me, words=" and ".join(words))


def _small(random: Random, say: Any, who: str, you: str, when: str, *, greet: bool = False) -> None:
    say(who, (_SMALL[random.randrange(2)] if greet else random.choice(_SMALL[2:])).format(you=you), when)


def _year(month: int) -> int:
    return 2031 + month // 12
