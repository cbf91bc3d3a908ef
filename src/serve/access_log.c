#include "serve/access_log.h"

#include "base/memory.h"
#include "serve/dialect.h"
#include "serve/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct tw_access_log {
    int file;
};

enum tw_status tw_access_log_open(const char *path, struct tw_access_log **log, struct tw_error *error)
{
    struct tw_access_log *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "a log");
    made->file = strcmp(path, "-") == 0 ? STDOUT_FILENO : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (made->file < 0) {
        tw_free(made);
        return tw_fail(error, TW_IO, "cannot open the access log %s: %s", path, strerror(errno));
    }
    *log = made;
    return TW_OK;
}

void tw_access_log_close(struct tw_access_log *log)
{
    if (!log)
        return;
    if (log->file != STDOUT_FILENO)
        close(log->file);
    tw_free(log);
}

static enum tw_status put_line(struct tw_buffer *line, const struct tw_exchange *exchange, double seconds)
{
    const struct tw_request *request = &exchange->request;
    const struct tw_served *served = exchange->call.served;
    struct timespec now;
    struct tm parts;
    char moment[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%S", &parts);
    enum tw_status status =
        tw_buffer_printf(line, NULL, "{\"time\":\"%s.%03ldZ\",\"id\":\"%s\",\"address\":\"%s\",\"method\":", moment,
                         now.tv_nsec / 1000000, request->id, request->address);
    if (!status)
        status = tw_json_put_text(line, request->method, NULL);
    if (!status)
        status = tw_buffer_append_text(line, ",\"path\":", NULL);
    if (!status)
        status = tw_json_put_text(line, request->path, NULL);
    if (!status)
        status = tw_buffer_printf(line, NULL,
                                  ",\"code\":%u,\"dialect\":\"%s\",\"bytes_in\":%zu,\"bytes_out\":%zu,\"seconds\":%.6f,"
                                  "\"photos\":%zu",
                                  exchange->response.code, exchange->dialect->name, request->body.size,
                                  exchange->response.sent_bytes, seconds, exchange->call.count);
    if (!status && served)
        status = tw_buffer_printf(line, NULL, ",\"model\":\"%s\",\"version\":%lld", served->model,
                                  (long long)served->number);
    return status ? status : tw_buffer_append_text(line, "}\n", NULL);
}

void tw_access_log_write(struct tw_access_log *log, const struct tw_exchange *exchange, double seconds)
{
    struct tw_buffer line = {0};
    if (!put_line(&line, exchange, seconds))
        (void)!write(log->file, line.data, line.size);
    tw_buffer_release(&line);
}
