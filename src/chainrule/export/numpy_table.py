"""What a Python file needs to read the columns of a table, and to run as a script."""

from collections.abc import Collection, Mapping, Sequence

from chainrule.export.model import Input, Model

COMMON = '''
def column(table, name):
    """The cells of a column of a dict, or of a data frame."""
    try:
        return table[name]
    except KeyError:
        raise KeyError(f"the table lacks the column {name!r}") from None


def is_missing(cell):
    """Whether a cell holds nothing."""
    return cell is None or str(cell).strip() in MISSING
'''

READERS = {
    "numbers": '''
def numbers(table, name):
    """A column as numbers: NaN where one is missing."""
    cells = column(table, name)
    array = np.asarray(cells)
    if array.dtype.kind in "biuf":
        return array.astype(np.float64)
    found = np.empty(len(array))
    words = {"true": 1, "false": 0}
    for row, cell in enumerate(cells):
        word = words.get(str(cell).strip().lower(), cell)
        try:
            found[row] = np.nan if is_missing(cell) else float(word)
        except (TypeError, ValueError):
            where = f"column {name!r}, row {row + 1}"
            raise ValueError(f"{where}: {cell!r} is no number") from None
    return found
''',
    "codes": '''
def codes(table, name, known, missing, other):
    """A column of text as the numbers of its categories."""
    return np.array([
        missing if is_missing(cell) else known.get(str(cell).strip(), other)
        for cell in column(table, name)
    ], dtype=np.int64)
''',
    "days": '''
def days(table, name, formats=()):
    """A column of dates as days since 1970, in UTC: NaN where one is missing."""
    array = np.asarray(column(table, name))
    if array.dtype.kind != "M":
        there = [not is_missing(cell) for cell in array]
        cells = [day(*x, name, formats) for x in zip(array, there)]
        array = np.array(cells, "datetime64[us]")
    found = array.astype("datetime64[us]").astype(np.int64) / 86_400_000_000
    return np.where(np.isnat(array), np.nan, found)


def day(cell, there, name, formats):
    """A date: one that Python knows, or text."""
    if not there:
        return None
    if isinstance(cell, np.datetime64):
        return cell
    if isinstance(cell, (datetime.date, datetime.time)):
        found = cell
    else:
        found = parsed(str(cell).strip(), name, formats)
    if isinstance(found, datetime.time):
        return datetime.datetime.combine(datetime.date(1970, 1, 1), found)
    if isinstance(found, datetime.datetime) and found.tzinfo is not None:
        found = found.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return found


def parsed(text, name, formats):
    """A date that is written in one of the formats, or as ISO 8601 says."""
    marks, between, forms = formats or ("", "", ())
    for form in forms:
        try:
            return datetime.datetime.strptime(re.sub(marks, between, text), form)
        except ValueError:
            pass
    try:
        return datetime.datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        raise ValueError(f"column {name!r} holds {text!r}: no date") from None
''',
}

_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
# What parts day, month and year, what it becomes, and the formats of `strptime`.
_FORMATS: dict[str, tuple[str, str, list[str]]] = {
    "d/m/y": ("[-.]", "/", [f"%d/%m/%Y{clock}" for clock in _CLOCKS]),
    "m/d/y": ("[-.]", "/", [f"%m/%d/%Y{clock}" for clock in _CLOCKS]),
    "names": (
        "[-., ]+",
        " ",
        [
            f"{date}{clock}"
            for date in ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%b %Y")
            for clock in _CLOCKS
        ],
    ),
    "clock": ("", "", [*(clock.strip() for clock in _CLOCKS[1:]), "%H:%M:%S.%f"]),
}

SCRIPT = '''
def main():
    """Predict a CSV file: python FILE table.csv > predictions.csv"""
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} table.csv > predictions.csv")
    with open(sys.argv[1], newline="", encoding="utf-8-sig") as file:
        first = file.readline()
        file.seek(0)
        delimiter = max(",;\\t|", key=first.count)
        rows = list(csv.DictReader(file, delimiter=delimiter))
    if not rows:
        sys.exit(f"{sys.argv[1]} has no rows")
    found = predict({name: [row[name] for row in rows] for name in rows[0]})
    writer = csv.writer(sys.stdout, lineterminator="\\n")
    writer.writerow(HEADER)
    parts = [np.asarray(part).reshape(len(rows), -1) for part in found.values()]
    for parts in zip(*(part.tolist() for part in parts)):
        writer.writerow([cell for part in parts for cell in part])


if __name__ == "__main__":
    main()
'''


def reader(x: Input) -> str:
    """The line that reads a column."""
    match x.kind:
        case "number":
            return f"{x.name} = numbers(table, {x.title!r})"
        case "text" if x.codes is not None:
            return (
                f"{x.name} = codes(table, {x.title!r}, _codes_of_{x.name}, "
                f"missing={x.codes.missing}, other={x.codes.other})"
            )
        case written:
            more = f", {_named(written)}" if written in _FORMATS else ""
            return f"{x.name} = days(table, {x.title!r}{more})"


def readers_of(inputs: Sequence[Input]) -> list[str]:
    """The functions that read these columns."""
    named = {"number": "numbers", "text": "codes"}
    needed = {named.get(x.kind, "days") for x in inputs}
    return [COMMON, *(READERS[name] for name in READERS if name in needed)]


def imports_of(inputs: Sequence[Input]) -> Collection[str]:
    """The modules that those need."""
    dates = any(x.kind not in ("number", "text") for x in inputs)
    return {"csv", "sys", *(["datetime", "re"] if dates else [])}


def constants(model: Model) -> list[str]:
    """What the functions look up: categories, formats, the header of a CSV file."""
    lines = [f"MISSING = {sorted({'', 'nan', 'NaT', '<NA>', *model.missing})!r}"]
    for x in model.inputs:
        if x.codes is not None:
            lines += _dictionary(f"_codes_of_{x.name}", x.codes.codes)
    for written in sorted({x.kind for x in model.inputs} & _FORMATS.keys()):
        lines.append(f"{_named(written)} = {_FORMATS[written]!r}")
    return [*lines, f"HEADER = {_header(model)!r}"]


def _named(written: str) -> str:
    return f"_written_{written.replace('/', '')}"


def _dictionary(name: str, codes: Mapping[str, int]) -> list[str]:
    lines = (f"    {cell!r}: {code}," for cell, code in codes.items())
    return [f"{name} = {{", *lines, "}"]


def _header(model: Model) -> list[str]:
    header = [f"predicted_{model.facts['target']}"]
    for y in model.outputs:
        if y.labels is not None:
            header += [f"probability_{label}" for label in y.labels]
    return header
