#include "report/run_log.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "storage/storage.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_BYTES = 256 << 20 };

static void put_text(json_t *line, const char *key, const char *text)
{
    char shown[2 * TW_ERROR_SIZE];
    if (!text)
        return;
    tw_printable(text, shown, sizeof shown);
    json_object_set_new(line, key, json_string(shown));
}

/* Six digits are all that a reader can use. */
static void put_number(json_t *line, const char *key, double value)
{
    char text[32];
    if (isnan(value))
        return;
    snprintf(text, sizeof text, "%.6g", value);
    json_object_set_new(line, key, isfinite(value) ? json_real(strtod(text, NULL)) : json_null());
}

static void put_count(json_t *line, const char *key, uint64_t value)
{
    json_object_set_new(line, key, json_integer((json_int_t)value));
}

static void put_time(json_t *line)
{
    char text[32];
    struct timespec time;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &time);
    if (gmtime_r(&time.tv_sec, &parts) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
        json_object_set_new(line, "time", json_string(text));
}

static void fail(struct tw_run_log *log, enum tw_status status)
{
    log->status = log->status ? log->status : status;
}

/* Takes the line over. */
static void add(struct tw_run_log *log, json_t *line)
{
    struct tw_buffer text = {0};
    char *dumped = line ? json_dumps(line, JSON_REAL_PRECISION(6)) : NULL;
    json_decref(line);
    if (!log->status && !dumped)
        fail(log, tw_fail_memory(&log->error, 1, "a line of the log"));
    if (!log->status)
        fail(log, tw_buffer_printf(&text, &log->error, "%s\n", dumped));
    if (!log->status && !log->has_point)
        fail(log, tw_buffer_append(&log->own, text.data, text.size, &log->error));
    if (!log->status)
        fail(log, tw_appender_write(log->file, tw_buffer_span(&text), &log->error));
    tw_buffer_release(&text);
    free(dumped);
}

static json_t *event(const char *name)
{
    json_t *line = json_object();
    json_object_set_new(line, "event", json_string(name));
    return line;
}

enum tw_status tw_run_log_open(const char *run, const char *command, struct tw_run_log *log, struct tw_error *error)
{
    char *path = tw_uri_join(run, "log.jsonl");
    *log = (struct tw_run_log){.start_seconds = tw_clock_seconds()};
    if (!path)
        return tw_fail_memory(error, strlen(run), "a path");
    enum tw_status status = tw_appender_open(path, &log->file, error);
    if (!status && tw_storage_read(path, MOST_BYTES, &log->old, NULL))
        tw_buffer_clear(&log->old); /* too much of it to be gone through: it stays as it is */
    const uint8_t *last = log->old.size ? memrchr(log->old.data, '\n', log->old.size) : NULL;
    size_t whole = last ? (size_t)(last - log->old.data) + 1 : 0;
    if (!status && whole < log->old.size)
        status = tw_appender_cut(log->file, whole, error);
    log->old.size = whole;
    tw_free(path);
    if (status)
        return status;
    json_t *line = event("start");
    put_time(line);
    put_text(line, "topwork", TW_VERSION);
    put_text(line, "command", command);
    add(log, line);
    return TW_OK;
}

void tw_run_log_progress(struct tw_run_log *log, const struct tw_progress *progress)
{
    double time = tw_clock_seconds();
    if (!log->file)
        return;
    if (!log->stage || strcmp(log->stage, progress->stage) != 0) {
        log->stage = progress->stage;
        log->stage_start = log->last_progress = log->last_point = time;
        log->stage_first = progress->done;
        log->last_step = (size_t)progress->done;
    }
    double spent = time - log->stage_start, wait = fmax(1, spent / 100);
    if (progress->done != progress->total && time - log->last_progress < wait)
        return;
    log->last_progress = time;
    json_t *line = event("progress");
    put_text(line, "stage", progress->stage);
    put_text(line, "unit", progress->unit);
    put_count(line, "done", progress->done);
    put_count(line, "total", progress->total);
    if (progress->skipped)
        put_count(line, "skipped", progress->skipped);
    if (spent > 0 && progress->done > log->stage_first) {
        double rate = (double)(progress->done - log->stage_first) / spent;
        put_number(line, "rate", rate);
        put_number(line, "left_seconds", (double)(progress->total - progress->done) / rate);
    }
    add(log, line);
}

static bool is_later_point(struct tw_span text, size_t step)
{
    if (!tw_span_starts(text, "{\"step\": ", 9))
        return false;
    json_t *line = json_loadb((const char *)text.data, text.size, 0, NULL);
    bool is_later = (size_t)json_integer_value(json_object_get(line, "step")) >= step;
    json_decref(line);
    return is_later;
}

/* The file becomes what earlier runs said of the steps before this one, then what this run said. */
static void drop_later_points(struct tw_run_log *log, size_t step)
{
    struct tw_buffer kept = {0};
    size_t at = 0, same = SIZE_MAX;
    while (at < log->old.size && !log->status) {
        const uint8_t *start = log->old.data + at, *end = memchr(start, '\n', log->old.size - at);
        struct tw_span line = tw_span_of(start, end ? (size_t)(end - start) + 1 : log->old.size - at);
        if (!is_later_point(line, step))
            fail(log, tw_buffer_append(&kept, line.data, line.size, &log->error));
        else if (same == SIZE_MAX)
            same = at;
        at += line.size;
    }
    if (same != SIZE_MAX && !log->status) {
        fail(log, tw_buffer_append(&kept, log->own.data, log->own.size, &log->error));
        if (!log->status)
            fail(log, tw_appender_cut(log->file, same, &log->error));
        if (!log->status)
            fail(log, tw_appender_write(log->file, tw_span_of(kept.data + same, kept.size - same), &log->error));
    }
    tw_buffer_release(&kept);
    tw_buffer_release(&log->old);
    tw_buffer_release(&log->own);
}

void tw_run_log_point(struct tw_run_log *log, struct tw_log_point *point, double pause_seconds)
{
    double time = tw_clock_seconds(), spent = time - log->last_point - pause_seconds;
    if (!log->file)
        return;
    if (!log->has_point)
        drop_later_points(log, point->step);
    log->has_point = true;
    point->rate = point->left_seconds = NAN;
    if (log->last_point > 0 && point->step > log->last_step && spent > 0) {
        double steps = (double)(point->step - log->last_step) / spent;
        point->rate = point->batch ? steps * (double)point->batch : NAN;
        point->left_seconds = (double)(point->step_count - point->step) / steps;
    }
    log->last_point = time;
    log->last_step = point->step;
    json_t *line = json_object();
    put_count(line, "step", point->step);
    put_count(line, "total", point->step_count);
    put_number(line, "train_loss", point->train_loss);
    put_number(line, "train_accuracy", point->train_accuracy);
    put_number(line, "eval_loss", point->eval_loss);
    put_number(line, "eval_accuracy", point->eval_accuracy);
    put_number(line, "learning_rate", point->learning_rate);
    put_number(line, "rate", point->rate);
    put_number(line, "left_seconds", point->left_seconds);
    add(log, line);
}

void tw_run_log_message(struct tw_run_log *log, enum tw_log_level level, const char *text)
{
    if (!log->file || level == TW_LOG_DEBUG)
        return;
    json_t *line = event(level == TW_LOG_WARNING ? "warning" : "note");
    put_text(line, "text", text);
    add(log, line);
}

void tw_run_log_end(struct tw_run_log *log, enum tw_status result, double accuracy, const struct tw_error *failure)
{
    if (!log->file)
        return;
    json_t *line = event("end");
    put_time(line);
    put_text(line, "result", result == TW_OK ? "done" : result == TW_INTERRUPTED ? "interrupted" : "failed");
    put_number(line, "seconds", tw_clock_seconds() - log->start_seconds);
    put_number(line, "accuracy", accuracy);
    put_text(line, "text", failure ? failure->text : NULL);
    add(log, line);
}

enum tw_status tw_run_log_status(const struct tw_run_log *log, struct tw_error *error)
{
    if (log->status && error)
        *error = log->error;
    return log->status;
}

void tw_run_log_release(struct tw_run_log *log)
{
    (void)!tw_appender_close(log->file, NULL); /* every line was written at once */
    tw_buffer_release(&log->old);
    tw_buffer_release(&log->own);
    *log = (struct tw_run_log){0};
}
