"""Lists in the shapes that well-known programs write; people and numbers are made up."""

from __future__ import annotations

from tests.sources.corpus.case import Case, joined, refused, whole

_FRENCH = [
    ["Prénom", "Nom", "Courriel", "Téléphone", "Montant"],
    ["Zoë", "Lefèvre", "zoe@example.com", "01 99 00 12 34", "1 250,50"],
    ["Hélène", "D'Arc", "helene@example.org", "06 39 98 00 01", "12,00"],
]
_GERMAN = [["Vorname", "Straße", "E-Mail"], ["Jürgen", "Größe 1", "j@example.com"]]
_GOOGLE = [
    ["First Name", "Last Name", "Labels", "E-mail 1 - Label", "E-mail 1 - Value", "Phone 1 - Label", "Phone 1 - Value"],
    [
        "Ada",
        "L",
        "* myContacts ::: Friends",
        "* Home",
        "ada@example.com",
        "Mobile",
        "+44 20 7946 0000 ::: +44 20 7946 0001",
    ],
]
_HUBSPOT = [
    ["Record ID", "First Name", "Last Name", "Email", "Phone Number", "Lead Status", "Create Date"],
    ["51", "Ada", "L", "ada@example.com", "+1 415-555-0100", "", "2026-11-02 10:15"],
    ["52", "", "", "", "", "NEW", "2026-11-03 09:00"],
]
_SALESFORCE = [
    ["Id", "Email", "MobilePhone", "Description"],
    ["0035g00000AbCdEAAV", "ada@example.com", "(415) 555-0100", "line 1\r\nline 2"],
]
_MAILCHIMP = [
    ["Email Address", "First Name", "MEMBER_RATING", "OPTIN_TIME", "NOTES"],
    ["ada@example.com", "Ada", "2", "2026-01-31 08:00:00", ""],
    ["grace@example.org", "Grace", "5", "", 'met at "the" fair'],
]
_LINKEDIN_ROWS = (
    "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
    'Ada,L,https://www.linkedin.com/in/x,,"Engines, Ltd",Analyst,21 Nov 2026\n'
)


def _quoted(table: list[list[str]], delimiter: str = ",", end: str = "\n") -> str:
    return "".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + end for row in table)


PROGRAMS: tuple[Case, ...] = (
    whole("excel-csv-utf-8.csv", joined(_GERMAN, ",", "\r\n"), _GERMAN, codec="utf-8-sig"),
    whole(
        "excel-french-windows.csv",
        joined(_FRENCH, ";", "\r\n"),
        _FRENCH,
        codec="cp1252",
        delimiter=";",
        notes=["cp1252", "`;`"],
    ),
    whole(
        "excel-german-windows.csv",
        joined(_GERMAN, ";", "\r\n"),
        _GERMAN,
        codec="cp1252",
        delimiter=";",
        notes=["cp1252", "`;`"],
    ),
    whole(
        "excel-for-mac-csv-told.csv",
        joined(_GERMAN, ";", "\r"),
        _GERMAN,
        codec="mac_roman",
        delimiter=";",
        notes=["`;`"],
        encoding="mac_roman",
    ),
    whole(
        "excel-ms-dos-csv-told.csv",
        joined(_GERMAN, ";", "\r\n"),
        _GERMAN,
        codec="cp850",
        delimiter=";",
        notes=["`;`"],
        encoding="cp850",
    ),
    whole(
        "excel-unicode-text.txt", joined(_GERMAN, "\t", "\r\n"), _GERMAN, codec="utf-16", delimiter="\t", notes=["TAB"]
    ),
    whole(
        "excel-numbers-with-spaces-in-quotes.csv",
        'id,amount\r\n1," 1,250.50 "\r\n',
        [["id", "amount"], ["1", " 1,250.50 "]],
    ),
    whole("excel-alt-enter.csv", 'id,note\r\n1,"first\nsecond"\r\n', [["id", "note"], ["1", "first\nsecond"]]),
    whole("excel-formula-to-keep-zeros.csv", 'id,zip\r\n1,"=""01234"""\r\n', [["id", "zip"], ["1", '="01234"']]),
    whole(
        "libreoffice-all-text-quoted.csv",
        '"id","email"\n1,"a@example.com"\n',
        [["id", "email"], ["1", "a@example.com"]],
    ),
    whole("numbers-of-apple.csv", joined(_GERMAN, ";", "\r\n"), _GERMAN, delimiter=";", notes=["`;`"]),
    refused(
        "numbers-of-apple-several-tables.csv",
        "Table 1\r\n\r\nid,email\r\n1,a@example.com\r\n",
        "line 3 has 2 fields",
        line=3,
        fix="above line 3",
    ),
    whole("google-contacts.csv", joined(_GOOGLE), _GOOGLE),
    whole("google-contacts-of-old-in-utf-16.csv", joined(_GOOGLE, end="\r\n"), _GOOGLE, codec="utf-16"),
    whole("google-sheets.csv", joined(_HUBSPOT, end="\r\n").rstrip("\r\n"), _HUBSPOT),
    whole("google-sheets.tsv", joined(_HUBSPOT, "\t", "\r\n").rstrip("\r\n"), _HUBSPOT, delimiter="\t", notes=["TAB"]),
    whole(
        "google-forms.csv",
        '"Timestamp","Email Address","Anything else?"\n"2026/11/21 9:00:00 AM GMT+1","ada@example.com",""\n',
        [["Timestamp", "Email Address", "Anything else?"], ["2026/11/21 9:00:00 AM GMT+1", "ada@example.com", ""]],
    ),
    whole("hubspot.csv", _quoted(_HUBSPOT), _HUBSPOT),
    whole("salesforce-data-loader.csv", _quoted(_SALESFORCE, end="\r\n"), _SALESFORCE, codec="utf-8-sig"),
    whole(
        "salesforce-data-loader-latin-1.csv",
        _quoted([["Id", "Name"], ["1", "Zoë"]]),
        [["Id", "Name"], ["1", "Zoë"]],
        codec="cp1252",
        notes=["cp1252"],
    ),
    refused(
        "salesforce-report-with-its-footer.csv",
        '"Email","Name"\n"a@example.com","Ada"\n\n"Leads of November"\n"Copyright (c) example"\n',
        "line 4 has 1 fields",
        line=4,
        fix="line 4",
    ),
    whole("mailchimp.csv", _quoted(_MAILCHIMP), _MAILCHIMP),
    whole(
        "outlook.csv",
        '"First Name","E-mail Address","Home Phone","Notes"\r\n'
        '"Ada","ada@example.com","(415) 555-0100","a\r\n\r\nb"\r\n',
        [
            ["First Name", "E-mail Address", "Home Phone", "Notes"],
            ["Ada", "ada@example.com", "(415) 555-0100", "a\r\n\r\nb"],
        ],
        codec="cp1252",
    ),
    whole("outlook-german.csv", _quoted(_GERMAN, end="\r\n"), _GERMAN, codec="cp1252", notes=["cp1252"]),
    whole(
        "linkedin-connections.csv",
        _LINKEDIN_ROWS,
        [
            _LINKEDIN_ROWS.partition("\n")[0].split(","),
            ["Ada", "L", "https://www.linkedin.com/in/x", "", "Engines, Ltd", "Analyst", "21 Nov 2026"],
        ],
    ),
    refused(
        "linkedin-connections-with-its-notes.csv",
        'Notes:\n"When exporting your connection data, you may notice that some of the addresses are missing."\n\n'
        + _LINKEDIN_ROWS,
        "line 4 has 7 fields",
        line=4,
        fix="above line 4",
    ),
    whole(
        "icloud-contacts-through-a-converter.csv",
        "Name;Phone;Email\nAda;+1 (415) 555‑0100;ada@example.com\n",
        [["Name", "Phone", "Email"], ["Ada", "+1 (415) 555‑0100", "ada@example.com"]],
        delimiter=";",
        notes=["`;`"],
    ),
    whole(
        "iphone-numbers-with-direction-marks.csv",
        "Name,Phone\nAda,\u202a+1 415-555-0100\u202c\n",
        [["Name", "Phone"], ["Ada", "\u202a+1 415-555-0100\u202c"]],
    ),
    whole(
        "stripe-customers.csv",
        "id,Description,Email,Created (UTC),Delinquent\ncus_1,,ada@example.com,2026-11-21 08:00,false\n",
        [
            ["id", "Description", "Email", "Created (UTC)", "Delinquent"],
            ["cus_1", "", "ada@example.com", "2026-11-21 08:00", "false"],
        ],
    ),
    whole(
        "shopify-customers.csv",
        "Customer ID,Email,Phone,Tags\n'7012345678901,ada@example.com,'+14155550100,\"vip, newsletter\"\n",
        [
            ["Customer ID", "Email", "Phone", "Tags"],
            ["'7012345678901", "ada@example.com", "'+14155550100", "vip, newsletter"],
        ],
    ),
    whole(
        "zoho-with-long-ids.csv",
        '"Record Id","Email"\n"zcrm_5187612000000312345","ada@example.com"\n',
        [["Record Id", "Email"], ["zcrm_5187612000000312345", "ada@example.com"]],
    ),
    whole(
        "pipedrive-brackets-in-names.csv",
        '"Person - Name","Person - Email - Work"\n"Ada","ada@example.com, a@example.org"\n',
        [["Person - Name", "Person - Email - Work"], ["Ada", "ada@example.com, a@example.org"]],
    ),
    whole(
        "mysql-outfile.tsv",
        "id\temail\n1\ta@example.com\n2\t\\N\n",
        [["id", "email"], ["1", "a@example.com"], ["2", "\\N"]],
        delimiter="\t",
        notes=["TAB"],
    ),
    whole(
        "postgres-copy.csv",
        'id,email,tags\n1,a@example.com,"{x,y}"\n',
        [["id", "email", "tags"], ["1", "a@example.com", "{x,y}"]],
    ),
    whole(
        "pandas-floats.csv",
        "email,phone\na@example.com,14155550100.0\nb@example.com,\n",
        [["email", "phone"], ["a@example.com", "14155550100.0"], ["b@example.com", ""]],
    ),
    whole(
        "r-write-csv-without-row-names.csv",
        '"email","score"\n"a@example.com",1e-05\n"b@example.com",NA\n',
        [["email", "score"], ["a@example.com", "1e-05"], ["b@example.com", "NA"]],
    ),
    refused(
        "r-write-table-with-row-names.csv",
        '"email","score"\n"1","a@example.com",1\n',
        "line 2 has 3 fields",
        line=2,
        fix="line 2",
    ),
    whole(
        "powershell-export-with-type-line-left-out.csv",
        '"Name","Mail"\r\n"Ada","ada@example.com"\r\n',
        [["Name", "Mail"], ["Ada", "ada@example.com"]],
        codec="utf-16",
    ),
    refused(
        "powershell-export-with-its-type-line.csv",
        '#TYPE System.Object\r\n"Name","Mail"\r\n"Ada","ada@example.com"\r\n',
        "line 2 has 2 fields",
        line=2,
        fix="above line 2",
    ),
    whole(
        "airtable-linked-records.csv",
        'Name,Email,Tags\nAda,ada@example.com,"one,two"\n',
        [["Name", "Email", "Tags"], ["Ada", "ada@example.com", "one,two"]],
        codec="utf-8-sig",
    ),
)
