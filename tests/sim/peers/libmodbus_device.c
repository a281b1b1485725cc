/* A device played by libmodbus: a third implementation of the protocol for our client to talk to.
 *
 * Usage: libmodbus_device tcp | libmodbus_device rtu PATH
 *
 * First reads what its registers hold from standard input, a line "TABLE ADDRESS WORD" each, with TABLE one of
 * coil, discrete, holding and input, up to a line "serve". All other registers are 0. Then serves one client, over TCP on a
 * free port of 127.0.0.1, which it prints as "listening PORT", or in RTU frames as unit 1 on the serial port at PATH,
 * which it says as "listening 0". Ends with the connection.
 *
 * Written for libmodbus 3.1.
 */
#include <arpa/inet.h>
#include <modbus.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define REGISTERS 65536

static int read_image(modbus_mapping_t *image)
{
    char line[64], table[16];
    unsigned address, word;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "serve\n") == 0)
            return 0;
        if (sscanf(line, "%15s %u %u", table, &address, &word) != 3 || address >= REGISTERS)
            return -1;
        if (strcmp(table, "coil") == 0)
            image->tab_bits[address] = word != 0;
        else if (strcmp(table, "discrete") == 0)
            image->tab_input_bits[address] = word != 0;
        else if (strcmp(table, "holding") == 0)
            image->tab_registers[address] = word;
        else if (strcmp(table, "input") == 0)
            image->tab_input_registers[address] = word;
        else
            return -1;
    }
    return -1;
}

/* The context with a client at the other end, or NULL. */
static modbus_t *open_tcp(void)
{
    struct sockaddr_in bound;
    socklen_t bytes = sizeof bound;
    modbus_t *context = modbus_new_tcp("127.0.0.1", 0);
    int listener = context == NULL ? -1 : modbus_tcp_listen(context, 1);
    if (listener < 0 || getsockname(listener, (struct sockaddr *)&bound, &bytes) < 0)
        return NULL;
    printf("listening %u\n", ntohs(bound.sin_port));
    fflush(stdout);
    return modbus_tcp_accept(context, &listener) < 0 ? NULL : context;
}

static modbus_t *open_rtu(const char *path)
{
    modbus_t *context = modbus_new_rtu(path, 9600, 'N', 8, 1);
    if (context == NULL || modbus_set_slave(context, 1) < 0 || modbus_connect(context) < 0)
        return NULL;
    printf("listening 0\n");
    fflush(stdout);
    return context;
}

int main(int count, char **arguments)
{
    modbus_mapping_t *image = modbus_mapping_new(REGISTERS, REGISTERS, REGISTERS, REGISTERS);
    if (count < 2 || image == NULL || read_image(image) < 0)
        return 2;
    modbus_t *context = count > 2 ? open_rtu(arguments[2]) : open_tcp();
    if (context == NULL)
        return 1;
    uint8_t request[MODBUS_RTU_MAX_ADU_LENGTH > MODBUS_TCP_MAX_ADU_LENGTH ? MODBUS_RTU_MAX_ADU_LENGTH
                                                                           : MODBUS_TCP_MAX_ADU_LENGTH];
    int bytes;
    while ((bytes = modbus_receive(context, request)) >= 0)
        if (bytes > 0 && modbus_reply(context, request, bytes, image) < 0)
            break;
    modbus_close(context);
    modbus_free(context);
    modbus_mapping_free(image);
    return 0;
}
