/* Reads the same input registers over and over, as a program on libmodbus does.
 *
 * Usage: libmodbus PORT READINGS REGISTERS; prints its own CPU time in nanoseconds.
 */
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int count, char **arguments)
{
    if (count != 4)
        return 2;
    int readings = atoi(arguments[2]), registers = atoi(arguments[3]);
    uint16_t words[125];
    modbus_t *context = modbus_new_tcp("127.0.0.1", atoi(arguments[1]));
    if (context == NULL || modbus_set_slave(context, 1) < 0 || modbus_connect(context) < 0)
        return 1;
    long long begun = cpu_ns();
    double sum = 0;
    for (int reading = 0; reading < readings; reading++) {
        if (modbus_read_input_registers(context, 0, registers, words) != registers)
            return 1;
        for (int at = 0; at + 1 < registers; at += 2)
            sum += modbus_get_float_abcd(words + at);
    }
    printf("%lld\n", cpu_ns() - begun);
    modbus_close(context);
    modbus_free(context);
    return sum > 0 ? 0 : 1;
}
