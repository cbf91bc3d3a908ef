/* The server's ways of `verify`: every dialect is asked for every photo, over a socket. */
#ifndef TW_CLI_VERIFY_SERVER_H
#define TW_CLI_VERIFY_SERVER_H

#include "tasks/verify.h"

/* `url`: http://HOST:PORT[/NAME] of a server that runs, NAME the model (else its only one); the token of TOPWORK_TOKEN goes along.
 * NULL: one is started on a loopback port within this process, and ended. */
enum tw_status tw_verify_server(struct tw_verify *verify, const char *url, struct tw_error *error) TW_MUST_USE;

#endif
