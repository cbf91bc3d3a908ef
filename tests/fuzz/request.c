/* A body for each dialect: the first byte says to whom, the rest is the body, whole and with its length. */
#include "server.h"

static const struct {
    const char *line, *headers;
} doors[] = {
    {"POST /predict", ""},
    {"POST /predict/m?top=2&nearest=1", "Content-Type: multipart/form-data; boundary=x\r\n"},
    {"POST /v1/models/m:predict", "Content-Type: application/json\r\n"},
    {"POST /v1/models/m/versions/1:classify", "Content-Type: application/json\r\n"},
    {"POST /v1/models/m:predict", "Content-Encoding: gzip\r\n"},
    {"POST /v1/projects/p/models/m:predict", "Content-Type: application/json\r\n"},
    {"POST /v1/projects/p/models/m/versions/v1:predict", "Content-Type: application/json\r\n"},
    {"POST /v2/models/m/infer", "Content-Type: application/json\r\n"},
    {"POST /v2/models/m/infer", "Content-Type: application/octet-stream\r\nInference-Header-Content-Length: 64\r\n"},
    {"POST /v1/images:annotate", "Content-Type: application/json\r\n"},
    {"POST /corrections/m?label=light", ""},
    {"GET /v1/models/m/metadata", ""},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char answer[1 << 18];
    static uint8_t request[(1 << 16) + 1024];
    if (size == 0 || size > 1 << 15)
        return -1;
    start_server();
    size_t door = data[0] % (sizeof doors / sizeof *doors);
    int head =
        snprintf((char *)request, 1024, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n",
                 doors[door].line, doors[door].headers, size - 1);
    memcpy(request + head, data + 1, size - 1);
    must(ask(request, (size_t)head + size - 1, 20000, answer, sizeof answer) != 0, "every whole request is answered");
    return 0;
}
