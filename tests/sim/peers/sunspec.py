"""A SunSpec device as pysunspec2 lays it out, and as pysunspec2 reads it: a second opinion on where every value is.

Usage: sunspec.py image MODEL | sunspec.py read PORT

`image` prints the holding registers of a device with the common model and MODEL, a line "ADDRESS WORD" each; every point
that counts has a value of its own. `read` reads unit 1 at PORT of 127.0.0.1, which serves one client, and prints what
the points say, scale factors applied, as one line of JSON: names and numbers, and those of a repeated group as lists.

Written for pysunspec2 1.3.7. It knows the definitions of the SunSpec Alliance.
"""

import json
import struct
import sys

import sunspec2.device
import sunspec2.mdef
import sunspec2.modbus.client

BASE = 40_000
MARK, END = b"SunS", b"\xff\xff\x00\x00"
# How often a group is repeated where the model leaves that open.
REPEATS = 3
POWERS = {"W_SF": 0, "TotWh_SF": 1, "WH_SF": 1}
FLOATS = ("float32", "float64")
COUNTED = ("int16", "uint16", "acc16", "int32", "uint32", "acc32", "int64", "uint64", "acc64", "raw16")


def definition(number):
    return sunspec2.device.get_model_def(number)["group"]


def length_of(group):
    """Registers of a group, and how many it has without what is repeated."""
    own = sum(point["size"] for point in group["points"])
    inner = sum(length_of(inner) * (REPEATS if inner.get("count", 1) in (0, "N") else 1) for inner in group.get("groups", []))
    return own + inner


def fill(group, start):
    """Gives every point that counts a number that no other has."""
    for at, point in enumerate(group.points.values()):
        name, kind = point.pdef["name"], point.pdef["type"]
        if name in ("ID", "L"):
            continue
        if name == "N":
            point.value = REPEATS
        elif kind == "sunssf":
            point.value = POWERS.get(name, -1)
        elif kind in FLOATS:
            point.value = 10.5 + (start + at) % 40
        elif kind in COUNTED:
            point.value = 100 + (start + at) * 7 % 800
    for inner in group.groups.values():
        for at, one in enumerate(inner if isinstance(inner, list) else [inner]):
            fill(one, start + 11 * (at + 1))


def registers_of(number):
    length = length_of(definition(number))
    header = struct.pack(">HH", number, length - 2)
    data = bytearray(header + bytes(2 * (length - 2)))
    if number == 160:  # how many modules there are stands in front of them
        data[16:18] = struct.pack(">H", REPEATS)
    model = sunspec2.device.Model(number, model_len=length - 2, data=bytes(data))
    fill(model, number)
    return header + model.get_mb()[4:]


def image(number):
    common = bytearray(registers_of(1))
    common[4:36], common[36:68] = b"Maker".ljust(32, b"\0"), b"Model 7".ljust(32, b"\0")
    words = MARK + bytes(common) + registers_of(number) + END
    for at in range(0, len(words), 2):
        print(BASE + at // 2, int.from_bytes(words[at : at + 2], "big"))


def said(group):
    """The numbers of a group, by name."""
    values = {}
    for name, point in group.points.items():
        if isinstance(point.cvalue, (int, float)):
            values[name] = point.cvalue
    for inner in group.groups.values():
        for one in inner if isinstance(inner, list) else [inner]:
            for name, value in said(one).items():
                values.setdefault(f"{one.gname}.{name}", []).append(value)
    return values


def read(port):
    device = sunspec2.modbus.client.SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=port)
    device.scan()
    values = {}
    for number, models in device.models.items():
        if isinstance(number, int) and number != 1:
            values |= said(models[0])
    device.close()
    print(json.dumps(values))


if __name__ == "__main__":
    {"image": image, "read": read}[sys.argv[1]](int(sys.argv[2]))
