"""Reads one value through a Modbus TCP server as pymodbus does, and tries to write.

Usage: pymodbus_client.py PORT UNIT ADDRESS

Prints the float in the two input registers at ADDRESS, then the exception code of a refused write, one a line.

Written for pymodbus 3.16 (pip install "pymodbus==3.16.1").
"""

import struct
import sys

from pymodbus.client import ModbusTcpClient


def main():
    port, unit, address = (int(argument) for argument in sys.argv[1:])
    client = ModbusTcpClient("127.0.0.1", port=port)
    if not client.connect():
        sys.exit(f"nobody listens at port {port}")
    read = client.read_input_registers(address, count=2, device_id=unit)
    print("refused" if read.isError() else struct.unpack(">f", struct.pack(">HH", *read.registers))[0])
    print(client.write_register(0, 1, device_id=unit).exception_code)
    client.close()


main()
