#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void tw_log(const struct tw_sink *sink, enum tw_log_level level, const char *format, ...)
{
    if (!sink || !sink->log)
        return;
    char text[TW_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sink->log(sink->context, level, text);
}

void tw_progress(const struct tw_sink *sink, const struct tw_progress *progress)
{
    if (sink && sink->progress)
        sink->progress(sink->context, progress);
}

int tw_is_stopped(const struct tw_sink *sink)
{
    return sink && sink->is_stopped && sink->is_stopped(sink->context);
}
