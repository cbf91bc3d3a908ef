/* Raw bytes as a connection brings them. Half a request may wait for its rest: then it is cut off. */
#include "server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char answer[1 << 18];
    start_server();
    if (size > 1 << 16)
        return -1;
    ask(data, size, 50, answer, sizeof answer);
    return 0;
}
