/* Two ModelProtos one after the other are one of both (protobuf merges): the nodes of the photo, then the network without its
 * input. */
#include "formats/onnx_photo.h"

#include "base/wire.h"
#include "formats/onnx.h"

#include <string.h>

enum { OPSET = 20 };

struct front {
    struct tw_buffer graph; /* fields of GraphProto */
    enum tw_status status;
    struct tw_error *error;
};

static void put_number(struct front *front, struct tw_buffer *out, uint32_t number, uint64_t value)
{
    if (!front->status)
        front->status = tw_wire_put_varint(out, number, value, front->error);
}

static void put_text(struct front *front, struct tw_buffer *out, uint32_t number, const char *text)
{
    if (!front->status)
        front->status = tw_wire_put_text(out, number, text, front->error);
}

static void put_message(struct front *front, struct tw_buffer *out, uint32_t number, struct tw_buffer *message)
{
    if (!front->status)
        front->status = tw_wire_put_bytes(out, number, tw_buffer_span(message), front->error);
    tw_buffer_release(message);
}

static void put_attribute(struct front *front, struct tw_buffer *node, const char *name, const char *text)
{
    struct tw_buffer attribute = {0};
    put_text(front, &attribute, ATTRIBUTE_NAME, name);
    put_text(front, &attribute, ATTRIBUTE_S, text);
    put_number(front, &attribute, ATTRIBUTE_TYPE, 3);
    put_message(front, node, NODE_ATTRIBUTE, &attribute);
}

static void put_integer(struct front *front, struct tw_buffer *node, const char *name, int64_t value)
{
    struct tw_buffer attribute = {0};
    put_text(front, &attribute, ATTRIBUTE_NAME, name);
    put_number(front, &attribute, ATTRIBUTE_I, (uint64_t)value);
    put_number(front, &attribute, ATTRIBUTE_TYPE, 2);
    put_message(front, node, NODE_ATTRIBUTE, &attribute);
}

/* A node without its attributes; `inputs` ends with NULL. */
static void begin_node(struct front *front, struct tw_buffer *node, const char *op, const char *const *inputs,
                       const char *output)
{
    for (; *inputs; inputs++)
        put_text(front, node, NODE_INPUT, *inputs);
    put_text(front, node, NODE_OUTPUT, output);
    put_text(front, node, NODE_NAME, output);
    put_text(front, node, NODE_OP, op);
}

static void put_node(struct front *front, const char *op, const char *const *inputs, const char *output)
{
    struct tw_buffer node = {0};
    begin_node(front, &node, op, inputs, output);
    put_message(front, &front->graph, GRAPH_NODE, &node);
}

static void put_tensor(struct front *front, const char *name, enum tw_dtype dtype, const int64_t *dims, int rank,
                       struct tw_span data)
{
    struct tw_buffer tensor = {0};
    for (int i = 0; i < rank; i++)
        put_number(front, &tensor, TENSOR_DIMS, (uint64_t)dims[i]);
    put_number(front, &tensor, TENSOR_TYPE, (uint64_t)onnx_dtype_code(dtype));
    put_text(front, &tensor, TENSOR_NAME, name);
    if (!front->status)
        front->status = tw_wire_put_bytes(&tensor, TENSOR_RAW, data, front->error);
    put_message(front, &front->graph, GRAPH_INITIALIZER, &tensor);
}

static void put_input(struct front *front)
{
    struct tw_buffer dim = {0}, shape = {0}, tensor = {0}, type = {0}, info = {0};
    put_text(front, &dim, 2, "size");
    put_message(front, &shape, 1, &dim);
    put_number(front, &tensor, 1, (uint64_t)onnx_dtype_code(TW_U8));
    put_message(front, &tensor, 2, &shape);
    put_message(front, &type, 1, &tensor);
    put_text(front, &info, 1, "image_bytes");
    put_message(front, &info, 2, &type);
    put_message(front, &front->graph, GRAPH_INPUT, &info);
}

/* Pictures stand height first here; what the network takes comes last. */
static void put_way(struct front *front, const struct tw_image_policy *policy, const char *input)
{
    struct tw_buffer node = {0};
    bool has_half_pixels = policy->resize != TW_RESIZE_TF1_BILINEAR,
         is_pillow = policy->resize >= TW_RESIZE_PILLOW_BILINEAR;
    const int64_t sizes[] = {policy->height, policy->width, 3}, three[] = {3}, one[] = {1}, zero = 0;
    put_tensor(front, "photo/sizes", TW_I64, three, 1, tw_span_of(sizes, sizeof sizes));
    put_tensor(front, "photo/mean", TW_F32, three, 1, tw_span_of(policy->mean, sizeof policy->mean));
    put_tensor(front, "photo/scale", TW_F32, three, 1, tw_span_of(policy->scale, sizeof policy->scale));
    put_tensor(front, "photo/axis", TW_I64, one, 1, tw_span_of(&zero, sizeof zero));
    put_input(front);
    begin_node(front, &node, "ImageDecoder", (const char *const[]){"image_bytes", NULL}, "photo/pixels");
    put_attribute(front, &node, "pixel_format", policy->is_bgr ? "BGR" : "RGB");
    put_message(front, &front->graph, GRAPH_NODE, &node);
    begin_node(front, &node, "Cast", (const char *const[]){"photo/pixels", NULL}, "photo/floats");
    put_integer(front, &node, "to", onnx_dtype_code(TW_F32));
    put_message(front, &front->graph, GRAPH_NODE, &node);
    begin_node(front, &node, "Resize", (const char *const[]){"photo/floats", "", "", "photo/sizes", NULL},
               "photo/resized");
    put_attribute(front, &node, "mode", policy->resize == TW_RESIZE_PILLOW_BICUBIC ? "cubic" : "linear");
    put_attribute(front, &node, "coordinate_transformation_mode", has_half_pixels ? "half_pixel" : "asymmetric");
    if (is_pillow)
        put_integer(front, &node, "antialias", 1);
    put_message(front, &front->graph, GRAPH_NODE, &node);
    put_node(front, "Sub", (const char *const[]){"photo/resized", "photo/mean", NULL}, "photo/centred");
    put_node(front, "Mul", (const char *const[]){"photo/centred", "photo/scale", NULL}, "photo/scaled");
    put_node(front, "Unsqueeze", (const char *const[]){"photo/scaled", "photo/axis", NULL},
             policy->is_nhwc ? input : "photo/one");
    if (policy->is_nhwc)
        return;
    static const int64_t order[] = {0, 3, 1, 2};
    struct tw_buffer attribute = {0};
    begin_node(front, &node, "Transpose", (const char *const[]){"photo/one", NULL}, input);
    put_text(front, &attribute, ATTRIBUTE_NAME, "perm");
    for (int i = 0; i < 4; i++)
        put_number(front, &attribute, ATTRIBUTE_INTS, (uint64_t)order[i]);
    put_number(front, &attribute, ATTRIBUTE_TYPE, 7);
    put_message(front, &node, NODE_ATTRIBUTE, &attribute);
    put_message(front, &front->graph, GRAPH_NODE, &node);
}

/* Means and scales of the decoder's own order of channels. */
static struct tw_image_policy in_order(const struct tw_image_policy *policy)
{
    struct tw_image_policy turned = *policy;
    for (int c = 0; c < 3 && policy->is_bgr; c++) {
        turned.mean[c] = policy->mean[2 - c];
        turned.scale[c] = policy->scale[2 - c];
    }
    return turned;
}

enum tw_status tw_onnx_write_photo(const struct tw_graph *graph, const struct tw_image_policy *policy,
                                   const char *producer_version, struct tw_buffer *out, struct tw_error *error)
{
    struct front front = {.error = error};
    struct tw_graph *network = NULL;
    const struct tw_image_policy turned = in_order(policy);
    size_t start = out->size;
    if (policy->fit != TW_FIT_SQUASH)
        return tw_fail(
            error, TW_UNSUPPORTED,
            "ONNX's decoding is exported for photos that are squashed to the input's size, not cropped or padded");
    front.status = tw_graph_clone(graph, &network, error);
    if (!front.status) {
        put_way(&front, &turned, network->values[network->inputs[0]].name);
        network->opset = network->opset > OPSET ? network->opset : OPSET;
        network->input_count = 0;
        put_message(&front, out, MODEL_GRAPH, &front.graph);
    }
    if (!front.status)
        front.status = tw_onnx_write(network, "topwork", producer_version, out, error);
    tw_buffer_release(&front.graph);
    tw_graph_free(network);
    if (front.status)
        out->size = start;
    return front.status;
}
