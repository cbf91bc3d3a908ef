#include "report/log_text.h"

#include "base/memory.h"
#include "base/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static double number_of(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text ? text : "";
}

/* "2026-03-01 12:00:00" of "2026-03-01T12:00:00Z"; other texts as they are. */
static void time_of(const json_t *line, char out[40])
{
    snprintf(out, 40, "%s", text_of(line, "time"));
    if (strlen(out) == 20 && out[10] == 'T')
        out[10] = ' ';
}

static void span_of_time(double seconds, char out[40])
{
    if (isnan(seconds) || seconds < 0 || seconds > 1e12) {
        snprintf(out, 40, "-");
        return;
    }
    long long whole = (long long)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(out, 40, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(out, 40, "%lld:%02lld", whole / 60, whole % 60);
}

static enum tw_status put_progress(const json_t *line, struct tw_buffer *out, struct tw_error *error)
{
    char left[40];
    double done = number_of(line, "done"), total = number_of(line, "total"), rate = number_of(line, "rate");
    double skipped = number_of(line, "skipped");
    span_of_time(number_of(line, "left_seconds"), left);
    enum tw_status status = tw_buffer_printf(out, error, "%-8s", text_of(line, "stage"));
    if (!status && !isnan(done))
        status = tw_buffer_printf(out, error, " %.0f", done);
    if (!status && !isnan(done) && !isnan(total))
        status = tw_buffer_printf(out, error, "/%.0f", total);
    if (!status && *text_of(line, "unit"))
        status = tw_buffer_printf(out, error, " %s", text_of(line, "unit"));
    if (!status && total > 0 && !isnan(done))
        status = tw_buffer_printf(out, error, ", %.0f %%", 100 * done / total);
    if (!status && !isnan(rate))
        status = tw_buffer_printf(out, error, ", %.1f/s, %s left", rate, left);
    if (!status && skipped > 0)
        status = tw_buffer_printf(out, error, ", %.0f skipped", skipped);
    return status;
}

static enum tw_status put_point(const json_t *line, struct tw_buffer *out, struct tw_error *error)
{
    char left[40];
    double loss = number_of(line, "train_loss"), accuracy = number_of(line, "train_accuracy");
    double eval_loss = number_of(line, "eval_loss"), eval_accuracy = number_of(line, "eval_accuracy");
    double rate = number_of(line, "rate"), total = number_of(line, "total");
    enum tw_status status = tw_buffer_printf(out, error, "%-8s step %.0f", "train", number_of(line, "step"));
    if (!status && !isnan(total))
        status = tw_buffer_printf(out, error, "/%.0f", total);
    if (!status && !isnan(loss))
        status = tw_buffer_printf(out, error, ", loss %.4f", loss);
    if (!status && !isnan(accuracy))
        status = tw_buffer_printf(out, error, ", accuracy %.1f %%", 100 * accuracy);
    if (!status && !isnan(eval_accuracy))
        status =
            tw_buffer_printf(out, error, "; evaluation loss %.4f, accuracy %.1f %%", eval_loss, 100 * eval_accuracy);
    span_of_time(number_of(line, "left_seconds"), left);
    if (!status && !isnan(rate))
        status = tw_buffer_printf(out, error, "; %.0f examples/s, %s left", rate, left);
    return status;
}

static enum tw_status put_end(const json_t *line, struct tw_buffer *out, struct tw_error *error)
{
    char time[40], seconds[40];
    double accuracy = number_of(line, "accuracy");
    time_of(line, time);
    span_of_time(number_of(line, "seconds"), seconds);
    enum tw_status status = tw_buffer_printf(out, error, "%s  %s after %s", time, text_of(line, "result"), seconds);
    if (!status && !isnan(accuracy))
        status = tw_buffer_printf(out, error, ": accuracy %.1f %%", 100 * accuracy);
    if (!status && *text_of(line, "text"))
        status = tw_buffer_printf(out, error, ": %s", text_of(line, "text"));
    return status;
}

static enum tw_status put_line(const json_t *line, struct tw_buffer *out, struct tw_error *error)
{
    const char *event = text_of(line, "event");
    char time[40];
    if (json_is_integer(json_object_get(line, "step")))
        return put_point(line, out, error);
    if (strcmp(event, "progress") == 0)
        return put_progress(line, out, error);
    if (strcmp(event, "end") == 0)
        return put_end(line, out, error);
    time_of(line, time);
    if (strcmp(event, "start") == 0)
        return tw_buffer_printf(out, error, "%s  topwork %s %s", time, text_of(line, "topwork"),
                                text_of(line, "command"));
    return tw_buffer_printf(out, error, "%s: %s", event, text_of(line, "text"));
}

static json_t *parse(struct tw_span line)
{
    json_t *parsed = line.size ? json_loadb((const char *)line.data, line.size, 0, NULL) : NULL;
    if (parsed && !json_is_object(parsed)) {
        json_decref(parsed);
        return NULL;
    }
    return parsed;
}

enum tw_status tw_log_line_to_text(struct tw_span line, struct tw_buffer *out, struct tw_error *error)
{
    struct tw_buffer text = {0};
    json_t *parsed = parse(line);
    const char *event = text_of(parsed, "event");
    enum tw_status status = parsed && (*event || json_object_get(parsed, "step"))
                                ? put_line(parsed, &text, error)
                                : tw_buffer_append(&text, line.data, line.size, error);
    if (!status)
        status = tw_buffer_append(&text, "", 1, error);
    size_t size = 4 * text.size + 4;
    char *shown = status ? NULL : tw_alloc(size, 1);
    if (!status && !shown)
        status = tw_fail_memory(error, size, "a line");
    if (!status) {
        tw_printable((const char *)text.data, shown, size);
        status = tw_buffer_printf(out, error, "%s\n", shown);
    }
    tw_free(shown);
    tw_buffer_release(&text);
    json_decref(parsed);
    return status;
}

bool tw_log_line_is_end(struct tw_span line)
{
    json_t *parsed = parse(line);
    bool is_end = strcmp(text_of(parsed, "event"), "end") == 0;
    json_decref(parsed);
    return is_end;
}

bool tw_log_line_to_point(struct tw_span line, struct tw_log_point *point)
{
    json_t *parsed = parse(line);
    const json_t *step = json_object_get(parsed, "step"), *total = json_object_get(parsed, "total");
    bool has_point = json_is_integer(step) && json_integer_value(step) >= 0;
    if (has_point)
        *point = (struct tw_log_point){
            .step = (size_t)json_integer_value(step),
            .step_count = json_is_integer(total) ? (size_t)json_integer_value(total) : 0,
            .train_loss = number_of(parsed, "train_loss"),
            .train_accuracy = number_of(parsed, "train_accuracy"),
            .eval_loss = number_of(parsed, "eval_loss"),
            .eval_accuracy = number_of(parsed, "eval_accuracy"),
            .learning_rate = number_of(parsed, "learning_rate"),
            .rate = number_of(parsed, "rate"),
            .left_seconds = number_of(parsed, "left_seconds"),
        };
    json_decref(parsed);
    return has_point;
}
