/* Building a graph from what a file says, for the readers of this folder. Errors stick: after the first failure calls do
 * nothing and give -1, NULL or false, so that a translation reads straight and asks `status` at its end. */
#ifndef TW_FORMATS_BUILD_H
#define TW_FORMATS_BUILD_H

#include "base/wire.h"
#include "formats/format.h"
#include "graph/op.h"

/* The grid of integers that a node makes: ids of its scale and zero point, or -1. */
struct build_grid {
    bool is_known;
    int scale, zero;
};

struct build {
    struct tw_graph *graph;
    const struct tw_format_limits *limits;
    struct tw_error *error;
    enum tw_status status;    /* of the first failure */
    size_t fresh_count;       /* names made so far */
    int64_t made_bytes;       /* of constants that take more room than their spelling in the file */
    int64_t charged_bytes;    /* see build_charge */
    int64_t turned_bytes;     /* of constants copied into another layout */
    struct build_grid *grids; /* by value, for the first `grid_room` */
    size_t grid_room;
};

void build_fail(struct build *build, enum tw_status status, const char *format, ...) TW_PRINTF(3, 4);
void build_fail_memory(struct build *build, size_t size_bytes);
/* A block of the graph's arena, zeroed; NULL and failed. */
void *build_alloc(struct build *build, size_t count, size_t size);

/* Counts memory of which the same few bytes of a file may ask many times; fails over 256 MiB in all. */
bool build_charge(struct build *build, size_t size_bytes);

/* Wire format: the next field of a message; false at its end and on failure. */
bool build_next(struct build *build, struct tw_reader *reader, struct tw_wire_field *field);
/* True when the field has that wire type; else it fails and names the message. */
bool build_expect(struct build *build, const struct tw_wire_field *field, enum tw_wire_type type, const char *message);
/* A name or word: UTF-8 without zero bytes, copied to the arena, zero-ended. */
const char *build_text(struct build *build, const struct tw_wire_field *field, const char *message);

/* How many numbers a repeated field of a message holds, packed or not; 0 also on failure. */
size_t build_count_numbers(struct build *build, struct tw_span message, uint32_t number, enum tw_wire_type wire);
/* Copies them, each cut to its low `size` bytes; `out` has room for what was counted. */
void build_copy_numbers(struct build *build, struct tw_span message, uint32_t number, enum tw_wire_type wire,
                        size_t size, uint8_t *out);

/* The value of that name, added when it is new. */
int build_value(struct build *build, const char *name);
/* A new value "BASE/SUFFIX", with a number behind where that name is taken. */
int build_fresh(struct build *build, const char *base, const char *suffix);
/* Makes the value a constant; a value that is one already is TW_CORRUPT. `data` outlives the graph or lies in its arena. */
void build_set_constant(struct build *build, int id, enum tw_dtype dtype, const struct tw_shape *shape,
                        const void *data);
/* New constants "BASE/SUFFIX": int64 [count]; float of that shape. Copied. */
int build_ints(struct build *build, const char *base, const char *suffix, const int64_t *values, size_t count);
int build_floats(struct build *build, const char *base, const char *suffix, const struct tw_shape *shape,
                 const float *values);
int build_scalar(struct build *build, const char *base, const char *suffix, float value);
/* Elements of an int32 or int64 constant of at most `room`; false when it is no such constant. Does not fail. */
bool build_constant_ints(const struct build *build, int id, int64_t *out, size_t room, size_t *count);

/* NULL after a failure. The pointer is good until the next node. */
struct tw_node *build_node(struct build *build, enum tw_op op, const char *name, const int *inputs, int input_count,
                           int output);
/* As build_node with fresh output "NAME/SUFFIX", which it returns. */
int build_step(struct build *build, enum tw_op op, const char *name, const char *suffix, const int *inputs,
               int input_count);
/* These accept a NULL node. */
void build_int(struct build *build, struct tw_node *node, const char *name, int64_t value);
void build_int_list(struct build *build, struct tw_node *node, const char *name, const int64_t *values, size_t count);
void build_float(struct build *build, struct tw_node *node, const char *name, float value);
void build_word(struct build *build, struct tw_node *node, const char *name, const char *value);

/* Sorts, checks every node against the op table. Hands the graph over, or frees it on failure. */
enum tw_status build_finish(struct build *build, struct tw_graph **graph) TW_MUST_USE;

#endif
