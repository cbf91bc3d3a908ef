/* Rows of CSV; what was read and is written again reads the same. */
#include "base/csv.h"
#include "fuzz.h"

static void put_back(const struct tw_csv *csv)
{
    struct tw_buffer row = {0};
    struct tw_error error = {0};
    for (size_t i = 0; i < csv->cell_count; i++)
        must_explain(tw_csv_put(&row, tw_csv_cell(csv, i), i == 0, false, &error), &error);
    struct tw_csv again;
    bool has_row = false, is_empty = csv->cell_count == 1 && tw_csv_cell(csv, 0)[0] == 0;
    tw_csv_init(&again, tw_buffer_span(&row));
    must(tw_csv_next(&again, &has_row, &error) == TW_OK, "what is written can be read");
    must(has_row != is_empty || has_row, "a row is a row");
    if (has_row) {
        must(again.cell_count == csv->cell_count, "as many cells");
        for (size_t i = 0; i < csv->cell_count; i++)
            must(strcmp(tw_csv_cell(&again, i), tw_csv_cell(csv, i)) == 0, "the same cells");
    }
    tw_csv_release(&again);
    tw_buffer_release(&row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_csv csv;
    struct tw_error error = {0};
    bool has_row = true;
    tw_csv_init(&csv, tw_span_of(data, size));
    enum tw_status status = TW_OK;
    while (status == TW_OK && has_row) {
        status = tw_csv_next(&csv, &has_row, &error);
        if (status == TW_OK && has_row)
            put_back(&csv);
    }
    must_explain(status, &error);
    tw_csv_release(&csv);
    return 0;
}
