/* What systemd (or another supervisor that speaks its protocol) hands to a service and wants to hear of it: sd_listen_fds(3),
 * sd_notify(3). */
#ifndef TW_CLI_SUPERVISOR_H
#define TW_CLI_SUPERVISOR_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { TW_SOCKET_ADDRESS_SIZE = 64 };
struct tw_socket {
    int file;                             /* listens already */
    char address[TW_SOCKET_ADDRESS_SIZE]; /* its own, without the port */
    uint16_t port;
};
/* The socket that was handed over; *is_there false: there is none. TW_INVALID: it is no listening socket of IP. */
enum tw_status tw_supervisor_socket(struct tw_socket *given, bool *is_there, struct tw_error *error) TW_MUST_USE;
/* "READY=1", "STOPPING=1": to whom NOTIFY_SOCKET names, if anybody. */
void tw_supervisor_notify(const char *state);

#endif
