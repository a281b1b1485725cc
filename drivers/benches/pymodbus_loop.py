"""Reads the same input registers over and over, as a program on pymodbus does.

Usage: pymodbus_loop.py PORT READINGS REGISTERS; prints its own CPU time in nanoseconds.

Written for pymodbus 3.16 (pip install "pymodbus==3.16.1").
"""

import sys
import time

from pymodbus.client import ModbusTcpClient


def main():
    port, readings, registers = (int(argument) for argument in sys.argv[1:])
    client = ModbusTcpClient("127.0.0.1", port=port)
    client.connect()
    begun = time.process_time_ns()
    total = 0.0
    for _ in range(readings):
        words = client.read_input_registers(0, count=registers, device_id=1).registers
        total += sum(client.convert_from_registers(words, client.DATATYPE.FLOAT32))
    print(time.process_time_ns() - begun)
    sys.exit(0 if total > 0 else 1)


main()
