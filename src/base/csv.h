/* CSV after RFC 4180: quotes, doubled quotes, CR LF or LF, a BOM; spaces round unquoted cells are taken off. */
#ifndef TW_BASE_CSV_H
#define TW_BASE_CSV_H

#include "base/bytes.h"

struct tw_csv_limits {
    size_t max_line_bytes; /* default 1 MiB */
    size_t max_cells;      /* default 4096 */
};
extern const struct tw_csv_limits tw_csv_limits_default;

/* Walks the rows of a whole file. Cells are zero-ended and live until the next row. Begin with init. */
struct tw_csv {
    struct tw_span text;
    struct tw_csv_limits limits;
    size_t at, line; /* line of the row just read, from 1 */
    size_t next_line;
    struct tw_buffer cells;
    size_t *offsets; /* into cells */
    size_t cell_count, cell_capacity;
};
void tw_csv_init(struct tw_csv *csv, struct tw_span text);
/* Empty lines are passed over. NUL bytes, unclosed quotes and text after a closing quote are TW_CORRUPT with the line. */
enum tw_status tw_csv_next(struct tw_csv *csv, bool *has_row, struct tw_error *error) TW_MUST_USE;
const char *tw_csv_cell(const struct tw_csv *csv, size_t index);
void tw_csv_release(struct tw_csv *csv);

/* Appends a cell, quoted where it must be; `is_first` leaves out the comma. A cell that a spreadsheet would take for a
 * formula (= + - @ TAB CR at its start, and more behind) gets a leading apostrophe when `guards_formulas`. */
enum tw_status tw_csv_put(struct tw_buffer *out, const char *cell, bool is_first, bool guards_formulas,
                          struct tw_error *error) TW_MUST_USE;

#endif
