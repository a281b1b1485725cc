"""Devices played by pymodbus, one after the other, with any registers: a second implementation beside libmodbus.

Usage: pymodbus_device.py [PATH]

Reads what the registers of a device hold from standard input, a line "TABLE ADDRESS WORD" each, with TABLE one of coil,
discrete, holding and input, up to a line "serve". Everything else is refused. Then serves it as unit 1 in place of the
one before, over TCP on a free port of 127.0.0.1, which it prints as "listening PORT", or in RTU frames on the serial port
at PATH, which it says as "listening 0". Ends at the end of input.

Written for pymodbus 3.16.
"""

import asyncio
import sys

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

TABLES = ("coil", "discrete", "holding", "input")
BITS = TABLES[:2]


def blocks(table, words):
    """Runs of registers that follow each other; a table may not be empty."""
    runs = []
    for address in sorted(words):
        if runs and address == runs[-1][0] + len(runs[-1][1]):
            runs[-1][1].append(words[address])
        else:
            runs.append((address, [words[address]]))
    if table in BITS:
        runs = [(start, [word != 0 for word in run]) for start, run in runs] or [(0, [False])]
        return [SimData(start, values=run, datatype=DataType.BITS) for start, run in runs]
    return [SimData(start, values=run, datatype=DataType.REGISTERS) for start, run in runs or [(0, [0])]]


def read_image():
    """The next device, or nothing at the end of input."""
    image = {table: {} for table in TABLES}
    for line in sys.stdin:
        if line.strip() == "serve":
            return SimDevice(1, simdata=tuple(blocks(table, image[table]) for table in TABLES))
        table, address, word = line.split()
        image[table][int(address)] = int(word)
    return None


def server_of(device, path):
    if path:
        return ModbusSerialServer(device, port=path, baudrate=9600)
    return ModbusTcpServer(device, address=("127.0.0.1", 0))


async def main(path):
    server = None
    while device := await asyncio.to_thread(read_image):
        if server:
            await server.shutdown()
        server = server_of(device, path)
        await server.serve_forever(background=True)
        print("listening", 0 if path else server.transport.sockets[0].getsockname()[1], flush=True)
    if server:
        await server.shutdown()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
