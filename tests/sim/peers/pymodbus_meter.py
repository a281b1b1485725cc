"""An Eastron SDM630 played by pymodbus: a second implementation of the protocol for our client to talk to.

Usage: pymodbus_meter.py [--rtu | --tls FOLDER] [PORT]

Serves 127.0.0.1 at PORT, or at a free port, as unit 1 and prints "listening PORT"; with --rtu in the frames of a
serial line, as a transparent gateway passes them on; with --tls in TLS, with the certificate and key in FOLDER/server.pem
and for clients with a certificate that FOLDER/client.pem vouches for. Every line on standard input
changes a value and is answered with "ok": "energy KWH" or "power WATTS". Ends at the end of input.
Registers: SDM630 protocol document, input registers, IEEE 754 floats with the high word first.

Written for pymodbus 3.16 (pip install "pymodbus==3.16.1").
"""

import argparse
import asyncio
import pathlib
import ssl
import struct
import sys

from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

UNIT = 1
INPUTS = 364
SETTING_AT = 30
SERIAL_NUMBER_AT = 64512
SERIAL_NUMBER = 20250001
READ_INPUT = 4

POWER_L1, POWER, ENERGY_IMPORT = 12, 52, 72
VALUES = {
    0: 230.5,  # voltages
    2: 231.25,
    4: 229.75,
    6: 1.5,  # currents
    8: 0.0,
    10: 0.0,
    POWER_L1: 345.75,
    POWER: 345.75,
    70: 49.98,  # frequency
    ENERGY_IMPORT: 1234.5,
    74: 0.25,  # energy fed in
}


def registers(value):
    """The two registers of a float."""
    return list(struct.unpack(">HH", struct.pack(">f", value)))


async def current(function, start, _address, _count, stored, _written):
    """Puts the values of this moment into the registers that are about to be read."""
    if function == READ_INPUT:
        for at, value in VALUES.items():
            stored[at - start : at - start + 2] = registers(value)


def device():
    """Inputs at 0, a setting and the serial number among the holding registers; everything else is refused."""
    serial_number = [SERIAL_NUMBER >> 16, SERIAL_NUMBER & 0xFFFF]
    unused = [SimData(0, values=False, datatype=DataType.BITS)]
    holding = [
        SimData(SETTING_AT, values=registers(0.0), datatype=DataType.REGISTERS),
        SimData(SERIAL_NUMBER_AT, values=serial_number, datatype=DataType.REGISTERS),
    ]
    inputs = [SimData(0, values=[0] * INPUTS, datatype=DataType.REGISTERS)]
    return SimDevice(UNIT, simdata=(unused, unused, holding, inputs), action=current)


def obey(line):
    """Carries out one line of input."""
    match line.split():
        case ["energy", kwh]:
            VALUES[ENERGY_IMPORT] = float(kwh)
        case ["power", watts]:
            VALUES[POWER] = VALUES[POWER_L1] = float(watts)
        case _:
            sys.exit(f"expected 'energy KWH' or 'power WATTS', got {line!r}")


def encrypted(folder):
    """What the server shows, and whom it lets in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(folder / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def server_of(options):
    address = ("127.0.0.1", options.port)
    if options.tls:
        return ModbusTlsServer(device(), address=address, sslctx=encrypted(options.tls))
    return ModbusTcpServer(device(), framer=FramerType.RTU if options.rtu else FramerType.SOCKET, address=address)


async def main(options):
    server = server_of(options)
    await server.serve_forever(background=True)
    try:
        print("listening", server.transport.sockets[0].getsockname()[1], flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            obey(line)
            print("ok", flush=True)
    finally:
        await server.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rtu", action="store_true")
    parser.add_argument("--tls", type=pathlib.Path)
    parser.add_argument("port", type=int, nargs="?", default=0)
    asyncio.run(main(parser.parse_args()))
