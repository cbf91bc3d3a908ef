/* A bounded reader of FlatBuffers, for the readers of this folder. Source: flatbuffers.dev, "FlatBuffer internals".
 *
 * A table begins with the distance back to its vtable; a vtable is u16 its own size, u16 the table's, then u16 for each
 * field: where it lies in the table, 0 where it is left out. Vectors, texts and tables inside are u32 distances forward, so
 * a chain of them ends; nothing here recurses. Errors stick in the build. */
#ifndef TW_FORMATS_FLATBUFFER_H
#define TW_FORMATS_FLATBUFFER_H

#include "formats/build.h"

struct flat_table {
    struct tw_span file;
    size_t at, size;               /* of the table */
    size_t fields_at, field_count; /* of its vtable */
};
struct flat_vector {
    struct tw_span file;
    size_t at, count; /* of the first element */
};

/* The root table. False: failed. */
bool flat_root(struct build *build, struct tw_span file, struct flat_table *root);
/* A number of `size` bytes (1, 2, 4, 8), its sign extended. `otherwise` where the field is left out. */
int64_t flat_int(struct build *build, const struct flat_table *table, unsigned field, unsigned size, int64_t otherwise);
float flat_float(struct build *build, const struct flat_table *table, unsigned field, float otherwise);
/* These are false, and an empty vector, where the field is left out, and on failure. */
bool flat_inner(struct build *build, const struct flat_table *table, unsigned field, struct flat_table *inner);
bool flat_list(struct build *build, const struct flat_table *table, unsigned field, size_t element_size,
               struct flat_vector *list);
bool flat_element(struct build *build, const struct flat_vector *tables, size_t index, struct flat_table *element);
/* Element of a vector of u32 or i32. */
int32_t flat_i32(const struct flat_vector *list, size_t index);
/* UTF-8 without zero bytes, copied to the arena; "" where it is left out; NULL: failed. */
const char *flat_text(struct build *build, const struct flat_table *table, unsigned field);

#endif
