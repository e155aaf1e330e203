"""The words that the worlds of the mock use, in place of Faker's: its lists change from release to
release, and the same seed must give the same bytes with each of them.

What else a scenario names, such as ``{{city}}``, is Faker's own.
"""

from uuid import UUID

from faker.providers import BaseProvider

FIRST_NAMES = (
    *("Amara", "Anders", "Beatriz", "Carlos", "Chidi", "Daniela", "Elif", "Emma", "Farid"),
    *("Grace", "Hana", "Ingrid", "Jonas", "Kaveh", "Leila", "Lucia", "Mateo", "Mei", "Nadia"),
    *("Noah", "Olga", "Priya", "Rafael", "Sofia", "Tomas", "Wanjiru", "Yusuf", "Zoe"),
)
LAST_NAMES = (
    *("Abara", "Andersen", "Bianchi", "Chen", "Costa", "Demir", "Dubois", "Fischer", "Garcia"),
    *("Haddad", "Ivanova", "Jensen", "Kamau", "Kim", "Kowalski", "Larsen", "Moreau", "Nguyen"),
    *("Novak", "Okafor", "Patel", "Rossi", "Santos", "Sato", "Silva", "Smith", "Weber", "Yilmaz"),
)
TRADES = (
    *("Analytics", "Bakery", "Clinics", "Energy", "Foods", "Freight", "Instruments", "Labs"),
    *("Logistics", "Media", "Optics", "Outfitters", "Press", "Robotics", "Textiles", "Travel"),
)
LEGAL_FORMS = ("AG", "Group", "Inc", "LLC", "Ltd", "PLC")
SENTENCES = (
    "The export was started by the nightly schedule.",
    "Rows are ordered by the time of the change.",
    "A user changed the billing address of an account.",
    "Two entries were merged because their keys are equal.",
    "The previous export ended without an error.",
    "An administrator granted read access to a project.",
    "Entries older than a year are in the archive.",
    "A token was renewed before it expired.",
    "The request came from an address that was seen before.",
    "Deleted records are listed with their last known name.",
)
# Reserved for examples by RFC 2606: a message to one of them reaches no one.
DOMAINS = ("example.com", "example.net", "example.org")


class WordLists(BaseProvider):
    """A provider for Faker: its methods are the placeholders of these names."""

    def first_name(self) -> str:
        """Return a given name."""
        return self._one_of(FIRST_NAMES)

    def last_name(self) -> str:
        """Return a family name."""
        return self._one_of(LAST_NAMES)

    def name(self) -> str:
        """Return a given name and a family name."""
        return f"{self.first_name()} {self.last_name()}"

    def company(self) -> str:
        """Return the name of a company."""
        return f"{self.last_name()} {self._one_of(TRADES)} {self._one_of(LEGAL_FORMS)}"

    def domain_name(self) -> str:
        """Return a domain name that is reserved for examples."""
        return f"{self.last_name().lower()}.{self._one_of(DOMAINS)}"

    def safe_email(self) -> str:
        """Return a mail address in a domain that is reserved for examples."""
        name = f"{self.first_name()}.{self.last_name()}".lower()
        return f"{name}@{self._one_of(DOMAINS)}"

    def paragraph(self) -> str:
        """Return three sentences."""
        return " ".join(self._one_of(SENTENCES) for _ in range(3))

    def uuid4(self) -> str:
        """Return a version 4 UUID in canonical form."""
        return str(UUID(int=self.generator.random.getrandbits(128), version=4))

    def _one_of(self, words: tuple[str, ...]) -> str:
        return words[int(self.generator.random.random() * len(words))]
