#include "base/csv.h"

#include "base/memory.h"

#include <string.h>

const struct tw_csv_limits tw_csv_limits_default = {.max_line_bytes = 1 << 20, .max_cells = 4096};

static const uint8_t bom[] = {0xef, 0xbb, 0xbf};

void tw_csv_init(struct tw_csv *csv, struct tw_span text)
{
    *csv = (struct tw_csv){.text = text, .limits = tw_csv_limits_default};
    if (tw_span_starts(text, bom, sizeof bom))
        csv->at = sizeof bom;
}

static enum tw_status begin_cell(struct tw_csv *csv, struct tw_error *error)
{
    if (csv->cell_count == csv->limits.max_cells)
        return tw_fail(error, TW_LIMIT, "line %zu has more than %zu cells", csv->line, csv->limits.max_cells);
    enum tw_status status =
        tw_grow((void **)&csv->offsets, &csv->cell_capacity, csv->cell_count + 1, sizeof *csv->offsets, error);
    if (!status)
        csv->offsets[csv->cell_count++] = csv->cells.size;
    return status;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static enum tw_status read_plain(struct tw_csv *csv, struct tw_error *error)
{
    const uint8_t *data = csv->text.data;
    size_t start = csv->at, end;
    while (csv->at < csv->text.size && data[csv->at] != ',' && data[csv->at] != '\n')
        csv->at++;
    end = csv->at;
    while (end > start && (is_space(data[end - 1]) || data[end - 1] == '\r'))
        end--;
    return tw_buffer_append(&csv->cells, data + start, end - start, error);
}

static enum tw_status read_quoted(struct tw_csv *csv, size_t *lines, struct tw_error *error)
{
    const uint8_t *data = csv->text.data;
    size_t size = csv->text.size;
    for (csv->at++;; csv->at++) {
        if (csv->at >= size)
            return tw_fail(error, TW_CORRUPT, "line %zu has a quote that is never closed", csv->line);
        if (data[csv->at] == '"' && (csv->at + 1 >= size || data[csv->at + 1] != '"'))
            break;
        if (data[csv->at] == '"')
            csv->at++;
        *lines += data[csv->at] == '\n';
        enum tw_status status = tw_buffer_append(&csv->cells, data + csv->at, 1, error);
        if (status)
            return status;
        if (csv->cells.size > csv->limits.max_line_bytes)
            return tw_fail(error, TW_LIMIT, "line %zu is longer than %zu bytes", csv->line, csv->limits.max_line_bytes);
    }
    csv->at++;
    while (csv->at < size && (is_space(data[csv->at]) || data[csv->at] == '\r'))
        csv->at++;
    if (csv->at < size && data[csv->at] != ',' && data[csv->at] != '\n')
        return tw_fail(error, TW_CORRUPT, "line %zu has text after a closing quote", csv->line);
    return TW_OK;
}

static enum tw_status read_cell(struct tw_csv *csv, size_t *lines, struct tw_error *error)
{
    enum tw_status status = begin_cell(csv, error);
    if (status)
        return status;
    size_t start = csv->cells.size;
    while (csv->at < csv->text.size && is_space(csv->text.data[csv->at]))
        csv->at++;
    bool is_quoted = csv->at < csv->text.size && csv->text.data[csv->at] == '"';
    status = is_quoted ? read_quoted(csv, lines, error) : read_plain(csv, error);
    if (!status && csv->cells.size > start && memchr(csv->cells.data + start, 0, csv->cells.size - start))
        status = tw_fail(error, TW_CORRUPT, "line %zu holds a NUL byte", csv->line);
    return status ? status : tw_buffer_append(&csv->cells, "", 1, error);
}

static enum tw_status read_row(struct tw_csv *csv, struct tw_error *error)
{
    size_t start = csv->at, lines = 0;
    csv->cell_count = 0;
    tw_buffer_clear(&csv->cells);
    for (;;) {
        enum tw_status status = read_cell(csv, &lines, error);
        if (status)
            return status;
        if (csv->at - start > csv->limits.max_line_bytes)
            return tw_fail(error, TW_LIMIT, "line %zu is longer than %zu bytes", csv->line, csv->limits.max_line_bytes);
        if (csv->at >= csv->text.size || csv->text.data[csv->at] != ',')
            break;
        csv->at++;
    }
    if (csv->at < csv->text.size)
        csv->at++; /* the line's end */
    csv->next_line = csv->line + lines + 1;
    return TW_OK;
}

enum tw_status tw_csv_next(struct tw_csv *csv, bool *has_row, struct tw_error *error)
{
    if (csv->next_line == 0)
        csv->next_line = 1;
    for (*has_row = false; csv->at < csv->text.size;) {
        csv->line = csv->next_line;
        enum tw_status status = read_row(csv, error);
        if (status)
            return status;
        bool is_empty = csv->cell_count == 1 && !*tw_csv_cell(csv, 0);
        if (is_empty)
            continue;
        *has_row = true;
        return TW_OK;
    }
    return TW_OK;
}

const char *tw_csv_cell(const struct tw_csv *csv, size_t index)
{
    return (const char *)csv->cells.data + csv->offsets[index];
}

void tw_csv_release(struct tw_csv *csv)
{
    tw_buffer_release(&csv->cells);
    tw_free(csv->offsets);
    *csv = (struct tw_csv){0};
}

enum tw_status tw_csv_put(struct tw_buffer *out, const char *cell, bool is_first, bool guards_formulas,
                          struct tw_error *error)
{
    bool is_formula = guards_formulas && *cell && cell[1] && strchr("=+-@\t\r", *cell);
    bool is_quoted = strncmp(cell, "\xef\xbb\xbf", 3) == 0 || /* else a file's byte order mark */
                     strpbrk(cell, ",\"\r\n") || is_space((uint8_t)*cell) ||
                     (*cell && is_space((uint8_t)cell[strlen(cell) - 1]));
    enum tw_status status = is_first ? TW_OK : tw_buffer_append(out, ",", 1, error);
    if (!status && is_quoted)
        status = tw_buffer_append(out, "\"", 1, error);
    if (!status && is_formula)
        status = tw_buffer_append(out, "'", 1, error);
    for (const char *at = cell; *at && !status;) {
        size_t run = strcspn(at, "\"");
        status = tw_buffer_append(out, at, run, error);
        at += run;
        if (!status && *at == '"') {
            status = tw_buffer_append(out, "\"\"", 2, error);
            at++;
        }
    }
    return !status && is_quoted ? tw_buffer_append(out, "\"", 1, error) : status;
}
