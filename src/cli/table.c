#include "cli/console.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Columns that a UTF-8 text takes on a terminal; a byte that is no character counts as one. */
static size_t display_width(const char *text)
{
    size_t width = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t length = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
        unsigned code = length == 1 ? *at : *at & (0x7fu >> length);
        for (size_t i = 1; i < length && at[i]; i++)
            code = code << 6 | (at[i] & 0x3f);
        for (size_t i = 0; i < length && *at; i++)
            at++;
        bool is_wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
                       (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
                       (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
                       (code >= 0x1f300 && code <= 0x1faff);
        bool is_mark = code >= 0x300 && code <= 0x36f;
        width += is_mark ? 0 : is_wide ? 2 : 1;
    }
    return width;
}

enum tw_status tw_table_cell(struct tw_table *table, struct tw_error *error, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; *at;) { /* a name must not move the cursor, nor be anything but text */
        size_t length = 1, left = strnlen(at, 4);
        while (length <= left && !tw_is_utf8(tw_span_of(at, length)))
            length++;
        if (length > left || (unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
        at += length > left ? 1 : length;
    }
    enum tw_status status = tw_buffer_append(&table->cells, text, strlen(text) + 1, error);
    table->cell_count += !status;
    return status;
}

static enum tw_status put_cell(const struct tw_table *table, const char *cell, size_t column, size_t width,
                               struct tw_buffer *out, struct tw_error *error)
{
    size_t pad = width - display_width(cell);
    bool is_right = table->right_aligned >> column & 1, is_last = column + 1 == table->column_count;
    enum tw_status status = TW_OK;
    if (is_right)
        status = tw_buffer_printf(out, error, "%*s", (int)pad, "");
    if (!status)
        status = tw_buffer_append_text(out, cell, error);
    if (!status && !is_right && !is_last)
        status = tw_buffer_printf(out, error, "%*s", (int)pad, "");
    return status ? status : tw_buffer_append_text(out, is_last ? "\n" : "  ", error);
}

enum tw_status tw_table_print(const struct tw_table *table, struct tw_buffer *out, struct tw_error *error)
{
    size_t *widths = tw_alloc(table->column_count, sizeof *widths);
    if (!widths)
        return tw_fail_memory(error, table->column_count * sizeof *widths, "a table");
    const char *cell = (const char *)table->cells.data;
    for (size_t i = 0; i < table->cell_count; i++, cell += strlen(cell) + 1) {
        size_t width = display_width(cell);
        if (width > widths[i % table->column_count])
            widths[i % table->column_count] = width;
    }
    enum tw_status status = TW_OK;
    cell = (const char *)table->cells.data;
    for (size_t i = 0; i < table->cell_count && !status; i++, cell += strlen(cell) + 1)
        status = put_cell(table, cell, i % table->column_count, widths[i % table->column_count], out, error);
    tw_free(widths);
    return status;
}

void tw_table_release(struct tw_table *table)
{
    tw_buffer_release(&table->cells);
    *table = (struct tw_table){0};
}
