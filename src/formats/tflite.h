/* What the TensorFlow Lite files of this folder share. Source of field numbers: tensorflow/compiler/mlir/lite/schema/
 * schema.fbs, version 3.
 *
 * A quantised tensor is real numbers in the graph: what makes it is followed by QuantizeLinear and DequantizeLinear with its
 * scale and zero point, so an engine that computes with integers finds them around every op. Weights are their integers
 * behind a DequantizeLinear. */
#ifndef TW_FORMATS_TFLITE_H
#define TW_FORMATS_TFLITE_H

#include "formats/flatbuffer.h"
#include "formats/layout.h"

struct tfl_tensor {
    const char *name;
    enum tw_dtype dtype;
    struct tw_shape shape; /* as the file has it: the batch is a number */
    const void *data;      /* constant; else NULL */
    const float *scales;   /* not NULL: quantised */
    const int32_t *zero_points;
    size_t scale_count;
    int axis;                  /* of its scales */
    int id;                    /* the value of its name: of real numbers, or a constant as the file has it */
    struct layout_forms forms; /* as real numbers; -1: not made */
    bool is_needed;
};

struct tfl_op {
    int64_t code;       /* BuiltinOperator */
    const char *custom; /* name of an op that is none of TensorFlow Lite's; "" otherwise */
    struct flat_table options;
    bool has_options;
    const int *inputs; /* indices of tensors; -1: left out */
    int input_count, output_count;
    const int *outputs;
};

struct tfl {
    struct build *build;
    struct tfl_tensor *tensors;
    size_t tensor_count;
    struct tfl_op *ops;
    size_t op_count;
    int made; /* by the op that is being translated, before activation and quantisation; -1: nothing */
    bool is_made_nchw, is_made_last;
};

/* Fails with TW_UNSUPPORTED and a sentence "op N (NAME), which makes 'TENSOR', WHAT". */
void tfl_fail(struct tfl *tfl, const struct tfl_op *op, const char *what);
/* A number of the op's options; `otherwise` where it has none. */
int64_t tfl_option(struct tfl *tfl, const struct tfl_op *op, unsigned field, unsigned size, int64_t otherwise);
float tfl_option_float(struct tfl *tfl, const struct tfl_op *op, unsigned field, float otherwise);

/* NULL: failed, for there is no such input. */
struct tfl_tensor *tfl_input(struct tfl *tfl, const struct tfl_op *op, int input);
struct tfl_tensor *tfl_output(struct tfl *tfl, const struct tfl_op *op);
bool tfl_has_input(const struct tfl_op *op, int input); /* not left out */
/* The input's form as real numbers. -1: failed. */
int tfl_native(struct tfl *tfl, const struct tfl_op *op, int input);
int tfl_nchw(struct tfl *tfl, const struct tfl_op *op, int input);
bool tfl_has_nchw(struct tfl *tfl, const struct tfl_op *op, int input);
/* Constant integers of at most `room`; fails where the input is none. */
bool tfl_ints(struct tfl *tfl, const struct tfl_op *op, int input, int64_t *out, size_t room, size_t *count);
/* A constant with its dimensions in another order, as real numbers. */
int tfl_weights(struct tfl *tfl, const struct tfl_op *op, int input, const int order[4]);
/* A constant that broadcasts against NCHW. */
int tfl_constant_for_nchw(struct tfl *tfl, const struct tfl_op *op, int input);
/* The op's result, before what the op's options and its tensor's type ask for behind it. Once for each op; one that makes
 * several tensors sets their forms itself. */
struct tw_node *tfl_emit(struct tfl *tfl, const struct tfl_op *op, enum tw_op kind, const int *inputs, int input_count,
                         bool is_nchw);

/* Quantisation, tflite_quantise.c. Reads QuantizationParameters. */
void tfl_read_quantisation(struct tfl *tfl, const struct flat_table *table, struct tfl_tensor *tensor);
/* The numbers of `id` as real ones; `axis`: where the axis of the scales is in it. */
int tfl_dequantised(struct tfl *tfl, const struct tfl_tensor *tensor, int id, int axis);
/* Real numbers on the tensor's grid as the value `made`: QuantizeLinear, DequantizeLinear. */
int tfl_on_grid(struct tfl *tfl, const struct tfl_tensor *tensor, int id, int made);
bool tfl_same_grid(const struct tfl_tensor *a, const struct tfl_tensor *b);
/* As property "topwork.policy": the photo whose pixels a quantised input takes as they are. */
void tfl_set_policy(struct tfl *tfl, const struct tfl_tensor *input);

/* tflite_ops.c. Translates an op whose inputs are translated. */
void tfl_translate(struct tfl *tfl, const struct tfl_op *op);
/* How many of an op's inputs its result hangs on: shapes that are computed are known from its output already. */
int tfl_needed_inputs(const struct tfl_op *op);
const char *tfl_op_name(const struct tfl_op *op); /* "?" where it is none of the known ones */

/* Ops of pictures, tflite_picture.c. */
void tfl_conv(struct tfl *tfl, const struct tfl_op *op);
void tfl_depthwise_conv(struct tfl *tfl, const struct tfl_op *op);
void tfl_pool(struct tfl *tfl, const struct tfl_op *op);
void tfl_resize(struct tfl *tfl, const struct tfl_op *op);
void tfl_pad(struct tfl *tfl, const struct tfl_op *op);

/* Ops of parts, tflite_parts.c. */
void tfl_slice(struct tfl *tfl, const struct tfl_op *op);
void tfl_strided_slice(struct tfl *tfl, const struct tfl_op *op);
void tfl_split(struct tfl *tfl, const struct tfl_op *op);
void tfl_pack(struct tfl *tfl, const struct tfl_op *op);
void tfl_space_to_batch(struct tfl *tfl, const struct tfl_op *op);
void tfl_batch_to_space(struct tfl *tfl, const struct tfl_op *op);

#endif
