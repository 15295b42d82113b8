"""Records of native metric JSON, good, odd and broken, from a seed."""

from __future__ import annotations

import json
import random
import struct

WORDS = [
    "cpu",
    "",
    "a" * 30,
    'quo"te',
    "back\\slash",
    "tab\t",
    "ü",
    "日本",
    "\u2028",
    "😀",
    "\x7f",
    "x" * 7,
    "y" * 8,
    "z" * 9,
    "/",
]
LITERALS = ["true", "false", "null", "tru", "nul", "True", "nan", "NaN", "Infinity", "-Infinity", "undefined", ""]
# fmt: off
NUMBERS = (
    "0", "-0", "0.0", "-0.0", "1", "-1", "00", "01", "-01", "1.", ".5", "+1", "-", "1e5", "1E+5", "1e-5", "1e", "1e+",
    "1.e5", "0e0", "0e999", "1e400", "-1e400", "1e-400", "1e308", "1.8e308", "5e-324", "2e-324", "2.2250738585072014e-308",
    "9007199254740992", "9007199254740993", "9007199254740991.5", "9223372036854775807", "9223372036854775808",
    "18446744073709551615", "18446744073709551616", "99999999999999999999", "0.1", "0.30000000000000004",
    "123456789012345678", "1234567890123456789", "12345678901234567890", "1.2345678901234567890123",
    "0.000000000000000000000000000001", "1e22", "1e23", "8.5e22", "9007199254740993e1", "1e00005", "1e-00005", "1e0000005",
    "1_000", "1,5", "0x10", "1e5.5", "--1", "1-1",
)
# fmt: on
# fmt: off
TIMES = (
    "1700000000", "1700000000.5", "1700000000.123456", "1700000000.9999999", "1700000000123", "1700000000123.5",
    "1700000000123456", "1700000000123456.7", "1700000000123456789", "1700000000123456789.5", "0", "0.0", "1e9", "1.7e12",
    "99999999999", "100000000000", "99999999999.9", "7258118399", "7258118400", "7258118399.9999999", "99999999999999",
    "100000000000000", "7258118399999999999", "7258118400000000000", "-1", "-0", "-1.5", "1e300", "9223372036854775807",
    "9223372036854775808",
)
# fmt: on
# fmt: off
TEXT_TIMES = (
    "2026-11-24T10:00:00Z", "2026-11-24T10:00:00.5Z", "2026-11-24t10:00:00z", "2026-11-24T10:00:00+02:00",
    "2026-11-24T10:00:00-0530", "2026-02-29T00:00:00Z", "2024-02-29T23:59:60Z", "2024-02-29T23:59:59.123456789123Z",
    "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "2200-01-01T00:00:00Z", "2199-12-31T23:59:59.999999999Z",
    "2199-12-31T23:59:59-01:00", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-24",
    "2026-11-24T24:00:00Z", "2026-11-24T10:60:00Z", "2026-11-24T10:00:00,25Z", "2026-11-24T10:00:00.Z",
    "2026-11-24T10:00:00", "2026-11-24T10:00:00+24:00", "2026-11-24T10:00:00+23:59", "1970-01-01T00:00:00Z",
    "1900-01-01T00:00:00Z", "2000-02-29T12:00:00Z", "2100-02-29T12:00:00Z", "2026-11-24T10:00:00+02:0", "yesterday",
)
# fmt: on
SPACES = ["", "", "", "", " ", "\n", "\t", "\r\n  ", " " * 9, "\x0b", "\u00a0"]
INTERESTING = b'"\\{}[]:,0123456789.eE+-truefalsn \n\x00\x1f\x7f\x80\xff\xc3'


def make_text(rng: random.Random, text: str) -> str:
    """A JSON string, spelled in one of several ways."""
    spelled = json.dumps(text, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.05:
        spelled = spelled.replace("a", "\\u0061").replace("/", "\\/")
    return spelled


def make_number(rng: random.Random) -> str:
    """A number, most often a good one."""
    choice = rng.random()
    if choice < 0.2:
        return rng.choice(NUMBERS)
    if choice < 0.4:
        return repr(struct.unpack("<d", rng.randbytes(8))[0])
    if choice < 0.6:
        return repr(rng.gauss(0, 10 ** rng.randint(-5, 15)))
    if choice < 0.7:
        return str(rng.randint(-(10 ** rng.randint(1, 21)), 10 ** rng.randint(1, 21)))
    if choice < 0.8:
        digits = "".join(rng.choices("0123456789", k=rng.randint(1, 25)))
        return f"{rng.randint(0, 9)}.{digits}e{rng.randint(-330, 310)}"
    return f"{rng.uniform(-1000, 1000):.{rng.randint(0, 17)}f}"


def make_time(rng: random.Random) -> str:
    """A timestamp, most often a good one."""
    choice = rng.random()
    if choice < 0.25:
        return rng.choice(TIMES)
    if choice < 0.4:
        return json.dumps(rng.choice(TEXT_TIMES))
    if choice < 0.5:
        year, month, day = rng.randint(1968, 2201), rng.randint(1, 12), rng.randint(1, 31)
        fraction = "." + "".join(rng.choices("0123456789", k=rng.randint(1, 12))) if rng.random() < 0.5 else ""
        zone = rng.choice(["Z", "", f"{rng.choice('+-')}{rng.randint(0, 25):02}:{rng.randint(0, 61):02}"])
        clock = f"{rng.randint(0, 24):02}:{rng.randint(0, 60):02}:{rng.randint(0, 60):02}"
        return f'"{year:04}-{month:02}-{day:02}{rng.choice("Tt ")}{clock}{fraction}{zone}"'
    return rng.choice(
        [str(rng.randint(0, 2 * 10**18)), repr(rng.uniform(0, 8e9)), repr(rng.uniform(1e11, 8e12)), make_number(rng)]
    )


def make_value(rng: random.Random, depth: int = 0) -> str:
    """Any JSON value."""
    choice = rng.random()
    if choice < 0.3:
        return make_text(rng, rng.choice(WORDS))
    if choice < 0.5:
        return make_number(rng)
    if choice < 0.65 or depth > 4:
        return rng.choice(LITERALS[:3])
    if choice < 0.7:
        n = rng.choice([1, 20, 58, 59, 60, 61, 127, 128, 129, 200])
        return "[" * n + "1" + "]" * n
    inner = [make_value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    if choice < 0.85:
        return "[" + ", ".join(inner) + "]"
    return "{" + ",".join(make_text(rng, rng.choice(WORDS)) + rng.choice([":", " : "]) + one for one in inner) + "}"


def make_labels(rng: random.Random) -> str:
    """Labels, most often good ones."""
    if rng.random() < 0.15:
        return make_value(rng)
    space = rng.choice(SPACES[:9])
    pairs = [
        make_text(rng, rng.choice(["host", "region", *WORDS])) + space + ":" + space + make_text(rng, rng.choice(WORDS))
        for _ in range(rng.randint(0, 4))
    ]
    return "{" + space + f"{space},{space}".join(pairs) + space + "}"


def make_record(rng: random.Random) -> bytes:
    """One record; a third of them have bytes changed, lost or doubled."""
    fields = [
        ("name", make_value(rng) if rng.random() < 0.05 else make_text(rng, rng.choice(["cpu", "mem", *WORDS]))),
        ("labels", make_labels(rng)),
        ("ts", make_time(rng)),
        ("value", make_number(rng) if rng.random() < 0.95 else make_value(rng)),
    ]
    fields = [field for field in fields if rng.random() > 0.03]
    fields += [
        (rng.choice(["unit", "names", "", "t", "val\\u0075e", *WORDS]), make_value(rng))
        for _ in range(rng.choice([0, 0, 0, 1, 3]))
    ]
    if fields and rng.random() < 0.05:
        fields.append(
            (rng.choice(["name", "ts", "value", "labels"]), rng.choice([make_number, make_time, make_labels, make_value])(rng))
        )
    if rng.random() < 0.5:
        rng.shuffle(fields)
    space = rng.choice(SPACES) if rng.random() < 0.3 else ""
    text = f"{space},{space}".join(
        (f'"{name}"' if "\\" in name else json.dumps(name)) + f"{space}:{space}{value}" for name, value in fields
    )
    record = f"{space}{{{space}{text}{space}}}{space}".encode(errors="surrogatepass")
    if rng.random() < 0.67:
        return record
    damaged = bytearray(record)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(damaged) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            damaged[at:at] = bytes([rng.choice(INTERESTING)])
        elif kind == 1:
            del damaged[at : at + rng.randint(1, 5)]
        elif kind == 2 and at < len(damaged):
            damaged[at] = rng.choice(INTERESTING)
        else:
            damaged = damaged[:at]
    return bytes(damaged)
