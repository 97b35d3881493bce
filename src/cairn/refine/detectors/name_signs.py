"""Words that go with people's names, in several languages, and how names are written."""

import re

from cairn.refine.detectors.patterns import words

CAPITAL = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪĮİĶŁĽŃŇŌŐŒŘŚŠŞŢŤŪŮŰŹŻŽА-ЯЁΑ-Ω"
PART = rf"[{CAPITAL}](?:[^\W\d_]|['’](?=[^\W\d_])|-(?=[{CAPITAL}])){{1,24}}+"
PARTICLE = (
    r"(?:van|von|de|der|den|zu|zum|del|della|di|da|do|dos|das|du|la|le|el|al|bin|ibn|ben|ter|ten|"
    r"af|av|y|e|und|St\.)"
)
_FIRST = rf"(?:{PART}|(?:[{CAPITAL}]\. ?){{1,3}}{PART})(?!\w)"
_NEXT = rf"(?:[ \xa0](?:{PARTICLE} ){{0,2}}(?:{PART}(?!\w)|[{CAPITAL}]\.))"
NAME = rf"(?P<value>{_FIRST}{_NEXT}{{0,3}})"
"""One to four parts, initials and particles among them."""
FULL = rf"(?P<value>{_FIRST}{_NEXT}{{1,3}})"
"""Two to four."""

HONORIFICS = words(
    "Mr Mrs Ms Miss Mx Dr Prof Professor Doctor Sir Dame Rev Fr Sgt Cpl Capt Lt Col Officer Nurse "
    "Judge Herr Herrn Frau Fräulein Mme Mlle Monsieur Madame Maître Sr Sra Srta Señor Señora "
    "Señorita Don Doña Dott Dottor Dottoressa Sig Signor Signora Dhr Mevr Meneer Mevrouw Senhor "
    "Senhora Dra Pan Pani Herra Rouva Hr Fru Madam Auntie Uncle Aunt"
)
TITLED = rf"(?:(?:{'|'.join(sorted(HONORIFICS, key=len, reverse=True))}|M\.)\.? ?)*"

_PLAIN_LABELS = words(
    "name surname username cardholder patient customer client contact author authors from to cc "
    "bcc attn attention sender recipient employee student tenant applicant insured beneficiary "
    "payee signed reporter assignee reviewer owner maintainer maintainers doctor physician nurse "
    "manager supervisor attendees participants witness spouse wife husband mother father guardian "
    "vorname nachname kunde kundin patientin ansprechpartner ansprechpartnerin absender empfänger "
    "unterzeichner nom prénom auteur destinataire expéditeur nombre apellido apellidos paciente "
    "cliente autor remitente nome cognome paziente autore mittente naam voornaam achternaam klant "
    "imię nazwisko"
)
LABELS = _PLAIN_LABELS | {
    "account holder", "card holder", "next of kin", "signed by", "signed off by", "reviewed by",
    "co authored by", "reported by", "assigned to", "created by", "written by", "prepared by",
    "approved by",
}  # fmt: skip
"""What stands before a colon or an equals sign in front of a name; `_` and `-` count as blanks."""

INTRODUCTION = re.compile(
    r"(?<![^\W_])(?i:my name is|my name's|name is|call me|ich heiße|mein name ist|"
    r"je m['’]appelle|me llamo|mi nombre es|mi chiamo|ik heet|mijn naam is|meu nome é|me chamo|"
    r"chamo-me|(?:my|our|his|her|their) (?:wife|husband|brother|sister|son|daughter|mother|father|"
    r"friend|boss|colleague|cousin|neighbou?r|manager|doctor|dentist|landlord|landlady|teacher|"
    r"partner|uncle|aunt|girlfriend|boyfriend|roommate|coworker|client|patient|assistant)"
    rf"(?:,| is)?)[ \xa0]{TITLED}{NAME}"
)
INTRODUCES = (
    "name", "call me", "heiße", "appelle", "llamo", "nombre", "chiamo", "heet", "naam", "nome",
    "chamo", "my ", "our ", "his ", "her ", "their ",
)  # fmt: skip
SELF = re.compile(
    r"(?<![^\W_])(?:I am|I'm|I’m|i am|i'm|[Tt]his is|[Ii]ch bin|[Jj]e suis|[Ss]oy|[Ss]ono|"
    rf"[Ii]k ben|[Ss]ou|[Ss]peaking with|[Ss]poke (?:to|with)|named)[ \xa0]{FULL}"
)
SELVES = (
    "i am", "i'm", "i’m", "this is", "ich bin", "je suis", "soy", "sono", "ik ben", "sou", "sp",
    "named",
)  # fmt: skip
GREETING = re.compile(
    r"^[ \t>*]{0,6}(?:Dear|Hi|Hello|Hey|Hallo|Liebe[rs]?|Sehr geehrte[rs]?|Guten (?:Tag|Morgen|"
    r"Abend)|Bonjour|Cher|Chère|Salut|Hola|Estimad[oa]|Querid[oa]|Ciao|Gentile|Car[oa]|Beste|"
    r"Geachte|Olá|Prezad[oa]|Good (?:morning|afternoon|evening)|Thanks|Thank you|Morning)"
    rf"[ \xa0]{TITLED}{NAME}(?=[ \t]?[,!:.–—-]|[ \t]?$)",
    re.M,
)
CLOSING = re.compile(
    r"(?:^|(?<=[.!?] ))[ \t>]{0,6}(?i:(?:kind |best |warm |many |with )*regards|"
    r"sincerely(?: yours)?|yours(?: (?:sincerely|truly|faithfully))?|cheers|"
    r"(?:many )?thanks|thank you|best(?: wishes)?|"
    r"all the best|love|xoxo|mit freundlichen grüßen|(?:viele|liebe|beste) grüße|lg|mfg|"
    r"cordialement|bien à vous|amicalement|saludos(?: cordiales)?|atentamente|un abrazo|"
    r"(?:cordiali |distinti )?saluti|(?:met vriendelijke )?groet(?:en|jes)?|atenciosamente|abraços|"
    r"cumprimentos)[ \t]?[,.!–—-]{0,2}"
    r"(?:[ \t]?\r?\n(?:[ \t]?\r?\n){0,2}[ \t>-]{0,6}|(?<=[,–—-])[ ])"
    rf"{TITLED}{NAME}(?=[ \t]*[,|.]?(?:\r?\n|\Z|[ \t]))",
    re.M,
)
COPYRIGHT = re.compile(
    rf"(?:\([Cc]\)|©|[Cc]opyright)[ \t]{{1,2}}(?:\d{{4}}(?:-\d{{4}})?,?[ \t])?{FULL}"
)
ELSEWHERE = re.compile(
    r"(?:姓名|名前|氏名|联系人|이름|성명)[ \t]?[:：][ \t]?(?P<value>[^\W\d_]{2,5}+)|"
    r"(?i:имя|фио|фамилия|пациент|الاسم)[ \t]?:[ \t]?"
    r"(?P<other>[^\W\d_]{2,20}(?: [^\W\d_]{2,20}){0,2})"
)
"""Labels in scripts whose names the other expressions cannot tell from words."""

NO_NAME = words(
    "Sir Madam All Team World There Everyone Everybody Folks Customer Customers Support Guest "
    "Client Colleague Colleagues Friend Friends Members Member User Users Hiring Manager Editor "
    "Reader Readers Sirs Ladies Gentlemen Students Parents Professor Doctor Damen Herren Alle "
    "Zusammen Kollegen Tous Toutes Todos Equipo Tutti The This That These Those Here What Who When "
    "Where Why How And But For With From Not No Yes It Its We You He She They If In On At To Of A "
    "An Is Are Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March "
    "July August September October November December Please Thanks Thank Regards Best Kind Dear "
    "Hello Hi Hey Your Our My His Her Their English German French Spanish Italian Dutch American "
    "British Chinese Indian Unknown None Null True False Anonymous Admin Administrator Test Inc "
    "Ltd LLC GmbH Corp Company Street Road Avenue Lane Drive City State University College School "
    "Hospital Bank Department Office Center Centre Park River Lake Mountain North South East West "
    "New Old Great United National International Just Also Then So As Mr Mrs Ms Miss Dr Prof Herr "
    "Herrn Frau Mme Mlle Monsieur Madame Senhor Signor Signora String Int Optional List Dict"
)
"""What stands where a name might, and is none."""
NO_LAST = words(
    "Street Road Avenue Lane Drive Inc Ltd LLC GmbH Corp Company City State University College "
    "School Hospital Bank Department Office Center Centre Park River Lake Airport Station Hotel "
    "Museum Church Island Bridge Award Prize Theorem Library Institute Foundation Act Day Week "
    "Times Post"
)
"""What makes a thing of the name before it."""
