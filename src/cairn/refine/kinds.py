"""Names of what is private: Presidio's entity names where it has one, ours where it has none."""

CONTACT = ("EMAIL_ADDRESS", "PHONE_NUMBER")
NETWORK = ("IP_ADDRESS", "MAC_ADDRESS")
MONEY = ("CREDIT_CARD", "IBAN_CODE", "CRYPTO")
SECRETS = ("SECRET", "PASSWORD", "USERNAME")
"""SECRET: a key, token, JWT, private-key block or connection secret (ours). PASSWORD and USERNAME
(ours): also those inside a URL, and the user's folder in a path."""
PEOPLE = ("PERSON", "STREET_ADDRESS", "DATE_OF_BIRTH")
"""STREET_ADDRESS (ours): with postcode and city if they follow; DATE_OF_BIRTH (ours): a date that
is said to be one. Other dates and places are not private by themselves."""
IDENTITIES = (
    "US_SSN", "US_ITIN", "CA_SIN", "BR_CPF", "UK_NHS", "UK_NINO", "DE_TAX_ID", "FR_NIR", "NL_BSN",
    "ES_NIF", "ES_NIE", "IT_FISCAL_CODE", "PT_NIF", "PL_PESEL", "SE_PERSONNUMMER",
    "FI_PERSONAL_IDENTITY_CODE", "CH_AHV", "TR_NATIONAL_ID", "IN_AADHAAR", "IN_PAN",
    "CN_RESIDENT_ID", "KR_RRN", "SG_NRIC_FIN", "AU_TFN", "AU_MEDICARE", "ZA_ID_NUMBER",
    "ID_NUMBER",
)  # fmt: skip
"""Numbers that a state gives a person. ID_NUMBER (ours): any number that a label calls a passport,
account, member, patient, customer or licence number."""
KINDS = (*CONTACT, *NETWORK, *MONEY, *SECRETS, *PEOPLE, *IDENTITIES)
OTHER = "PRIVATE"
"""Of a stretch of which nothing says what it is."""
