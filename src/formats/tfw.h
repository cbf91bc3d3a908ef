/* Building TensorFlow's GraphDef. Errors stick: after the first failure calls do nothing and give NULL, so that a graph is
 * written down straight and `status` asked at its end. Tensors are their names, "NODE" or "NODE:PORT".
 * Source of field numbers and ops: TensorFlow's graph.proto, node_def.proto, attr_value.proto, tensor.proto and op registry. */
#ifndef TW_FORMATS_TFW_H
#define TW_FORMATS_TFW_H

#include "base/wire.h"
#include "formats/format.h"

struct tfw {
    struct tw_arena arena;  /* names */
    struct tw_buffer nodes; /* fields of GraphDef */
    const char *scope;      /* what names begin with: "", "photo/" */
    const char *control;    /* what constants hang on: inside a loop a node of that loop; NULL: nothing */
    size_t count;           /* of nodes */
    enum tw_status status;
    struct tw_error *error;
};
void tfw_release(struct tfw *tfw);
void tfw_fail(struct tfw *tfw, enum tw_status status, const char *format, ...) TW_PRINTF(3, 4);

/* A node; its name. `spec` is the op and its attributes: "Mul T=float", "MaxPool strides=[1,2,2,1] padding='SAME'". A value
 * is a type's name (float, int32, ...), true or false, a whole number, one with a point, a 'text', a [list] of whole numbers,
 * a {list} of one type, or a <shape>, whose ? is not known. `inputs` ends with NULL. */
const char *tfw_put(struct tfw *tfw, const char *spec, const char *const *inputs);
const char *tfw_put_named(struct tfw *tfw, const char *name, const char *spec, const char *const *inputs);
#define TFW(tfw, spec, ...) tfw_put(tfw, spec, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
const char *tfw_name(struct tfw *tfw, const char *op); /* that no node has yet */
const char *tfw_port(struct tfw *tfw, const char *node, int port);
/* Text in the arena, for specs that hang on numbers. */
const char *tfw_text(struct tfw *tfw, const char *format, ...) TW_PRINTF(2, 3);
const char *tfw_list(struct tfw *tfw, const int64_t *values, int count); /* "1,2,2,1" */

/* Constants. */
const char *tfw_tensor(struct tfw *tfw, enum tw_dtype dtype, const struct tw_shape *shape, const void *data);
const char *tfw_int(struct tfw *tfw, int32_t value);
const char *tfw_ints(struct tfw *tfw, const int32_t *values, int count);
const char *tfw_float(struct tfw *tfw, float value);
const char *tfw_double(struct tfw *tfw, double value);
const char *tfw_span(struct tfw *tfw, struct tw_span text);                                 /* a text */
const char *tfw_texts(struct tfw *tfw, const char *const *texts, size_t count, bool is_2d); /* [count] or [1, count] */
const char *tfw_type(enum tw_dtype dtype); /* "float"; NULL: TensorFlow has none */

/* A loop as TensorFlow 1 has them, of at most TFW_MOST_VARIABLES variables. Begin, compute whether it goes on, tfw_loop_body,
 * compute the next values, end. What the outside made comes in by tfw_loop_invariant only. */
enum { TFW_MOST_VARIABLES = 4 };
struct tfw_loop {
    const char *frame, *types[TFW_MOST_VARIABLES];
    int count, at_once;                  /* iterations that may run at a time */
    const char *now[TFW_MOST_VARIABLES]; /* the variables: for the question, then for the body */
    const char *next_names[TFW_MOST_VARIABLES], *exits[TFW_MOST_VARIABLES]; /* after the end: the last values */
    const char *merges[TFW_MOST_VARIABLES], *outer_control;
};
void tfw_loop_begin(struct tfw *tfw, struct tfw_loop *loop, const char *const *values);
void tfw_loop_body(struct tfw *tfw, struct tfw_loop *loop, const char *goes_on);
void tfw_loop_end(struct tfw *tfw, struct tfw_loop *loop, const char *const *next);
const char *tfw_loop_invariant(struct tfw *tfw, const struct tfw_loop *loop, const char *type, const char *value);

#endif
