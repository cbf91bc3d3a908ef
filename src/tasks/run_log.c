#include "tasks/run_log.h"

#include "base/memory.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 256 << 20 };

enum tw_status tw_run_log_open(const char *run, struct tw_run_log *log, struct tw_error *error)
{
    *log = (struct tw_run_log){.path = tw_uri_join(run, "log.jsonl")};
    if (!log->path)
        return tw_fail_memory(error, strlen(run), "a path");
    if (tw_storage_read(log->path, MOST_BYTES, &log->old, NULL))
        tw_buffer_clear(&log->old); /* none there, or none that can be gone on with */
    log->file = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log->file >= 0)
        return TW_OK;
    log->file = 0;
    return tw_fail(error, TW_IO, "cannot write %s: %s", log->path, strerror(errno));
}

/* Bytes of the old lines before the first one of `step` or later, or of the first that is no line of ours. */
static size_t kept_bytes(const struct tw_buffer *old, size_t step)
{
    size_t at = 0;
    while (at < old->size) {
        const char *line = (const char *)old->data + at, *end = memchr(line, '\n', old->size - at);
        char head[64];
        size_t found;
        if (!end)
            break;
        snprintf(head, sizeof head, "%.*s", (int)(end - line < 63 ? end - line : 63), line);
        if (sscanf(head, "{\"step\": %zu,", &found) != 1 || found >= step)
            break;
        at += (size_t)(end - line) + 1;
    }
    return at;
}

static void fail(struct tw_run_log *log)
{
    log->status = tw_fail(&log->error, TW_IO, "cannot write %s: %s", log->path, strerror(errno));
}

static void write_line(struct tw_run_log *log, struct tw_span line)
{
    while (line.size) {
        ssize_t put = write(log->file, line.data, line.size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            fail(log);
            return;
        }
        line.data += put;
        line.size -= (size_t)put;
    }
}

static enum tw_status put_number(struct tw_buffer *out, const char *key, double value)
{
    return isfinite(value) ? tw_buffer_printf(out, NULL, ", \"%s\": %.6g", key, value)
                           : tw_buffer_printf(out, NULL, ", \"%s\": null", key);
}

void tw_run_log_add(struct tw_run_log *log, size_t step, double train_loss, double train_accuracy, double eval_loss,
                    double eval_accuracy)
{
    struct tw_buffer line = {0};
    if (log->status)
        return;
    if (!log->has_own && ftruncate(log->file, (off_t)kept_bytes(&log->old, step))) {
        fail(log);
        return;
    }
    log->has_own = true;
    enum tw_status status = tw_buffer_printf(&line, NULL, "{\"step\": %zu", step);
    if (!status)
        status = put_number(&line, "train_loss", train_loss);
    if (!status)
        status = put_number(&line, "train_accuracy", train_accuracy);
    if (!status && !isnan(eval_loss) && !isnan(eval_accuracy)) {
        status = put_number(&line, "eval_loss", eval_loss);
        if (!status)
            status = put_number(&line, "eval_accuracy", eval_accuracy);
    }
    if (!status)
        status = tw_buffer_append_text(&line, "}\n", NULL);
    if (status)
        log->status = tw_fail_memory(&log->error, line.size, "a line of the log");
    else
        write_line(log, tw_buffer_span(&line));
    tw_buffer_release(&line);
}

enum tw_status tw_run_log_close(struct tw_run_log *log, struct tw_error *error)
{
    int closed = close(log->file);
    log->file = 0;
    if (closed && !log->status)
        fail(log);
    if (log->status && error)
        *error = log->error;
    return log->status;
}

void tw_run_log_release(struct tw_run_log *log)
{
    if (log->file > 0)
        close(log->file);
    tw_free(log->path);
    tw_buffer_release(&log->old);
    *log = (struct tw_run_log){0};
}
