"""Derives ubl.txt and cii.txt, the tables of what may stand where, from the published XML schemas.

usage: python3 derive.py UBL_SCHEMA_DIR CII_SCHEMA_DIR

The schemas are inside the Maven packages com.helger.ubl:ph-ubl24:10.1.0 (external/schemas/ubl24) and
com.helger.cii:ph-cii-d22b:4.1.1 (external/schemas/d22b/cii). UBL 2.4 accepts every valid 2.0 to 2.3 document.

A line is one type and its children in order: `type child:childtype...`, where a child ends with ? * + as in a regular
expression, and starts with the letter of its namespace. A childtype that is no line of its own is a simple one.
Code lists are left out: partners extend them, and the currencies are checked elsewhere.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

XSD = "{http://www.w3.org/2001/XMLSchema}"
HOW_OFTEN = {("0", "1"): "?", ("0", "unbounded"): "*", ("1", "1"): "", ("1", "unbounded"): "+"}


def often(element):
    low, high = element.get("minOccurs", "1"), element.get("maxOccurs", "1")
    return HOW_OFTEN[("0" if low == "0" else "1", high if high == "1" else "unbounded")]


def kind(base):
    """The simple type that a data type comes down to; a code for a date is text."""
    if "Code" in base or base.endswith("IDType"):
        return "Text"
    for word in ("Amount", "DateTime", "Date", "Time", "Quantity", "Indicator", "Percent", "Rate", "Numeric", "Measure"):
        if word in base:
            return word
    return "Text"


def write(path, types, root):
    wanted, todo = [], list(root)
    while todo:
        name = todo.pop(0)
        if name in wanted or name not in types:
            continue
        wanted.append(name)
        todo += [child[1] for child in types[name]]
    short = {name: name.removesuffix("Type") for name in wanted}
    with open(path, "w") as out:
        out.write("# Derived by derive.py from the published schemas; not to be edited.\n")
        for name in wanted:
            children = [f"{c}{o}:{short.get(t, t)}" if c[2:] != short.get(t, t) else f"{c}{o}" for c, t, o in types[name]]
            out.write(" ".join([short[name], *children]) + "\n")


def ubl(folder):
    basic = {}
    tree = ET.parse(folder / "common/UBL-CommonBasicComponents-2.4.xsd").getroot()
    bases = {}
    for declared in tree.findall(f"{XSD}complexType"):
        derived = declared.find(f".//{XSD}extension")
        derived = declared.find(f".//{XSD}restriction") if derived is None else derived
        bases[declared.get("name")] = kind(derived.get("base"))
    for element in tree.findall(f"{XSD}element"):
        basic[element.get("name")] = bases[element.get("type")]
    types, aggregate = {}, {}
    files = ["common/UBL-CommonAggregateComponents-2.4.xsd", "maindoc/UBL-Invoice-2.4.xsd", "maindoc/UBL-CreditNote-2.4.xsd"]
    trees = [ET.parse(folder / file).getroot() for file in files]
    for tree in trees:
        for element in tree.findall(f"{XSD}element"):
            aggregate[element.get("name")] = element.get("type")
    for tree in trees:
        for declared in tree.findall(f"{XSD}complexType"):
            children = []
            for element in declared.findall(f"{XSD}sequence/{XSD}element"):
                prefix, name = element.get("ref").split(":")
                if prefix == "ext":
                    children.append(("e:" + name, "Any", often(element)))
                elif prefix == "cbc":
                    children.append(("b:" + name, basic[name], often(element)))
                else:
                    children.append(("a:" + name, aggregate[name], often(element)))
            types[declared.get("name")] = children
    write("ubl.txt", types, ["InvoiceType", "CreditNoteType"])


def cii(folder):
    types = {}
    names = {"": "r:", "_urn_un_unece_uncefact_data_standard_ReusableAggregateBusinessInformationEntity_100": "a:"}
    for suffix, letter in names.items():
        tree = ET.parse(folder / f"CrossIndustryInvoice_100pD22B{suffix}.xsd").getroot()
        for declared in tree.findall(f"{XSD}complexType"):
            children = []
            for element in declared.findall(f"{XSD}sequence/{XSD}element"):
                prefix, named = element.get("type").split(":")
                simple = kind(named)
                simple = {"Date": "Moment", "DateTime": "Moment", "Time": "Moment", "Indicator": "Flag"}.get(simple, simple)
                children.append((letter + element.get("name"), named if prefix == "ram" else simple, often(element)))
            types[declared.get("name")] = children
    write("cii.txt", types, ["CrossIndustryInvoiceType"])


ubl(Path(sys.argv[1]))
cii(Path(sys.argv[2]))
