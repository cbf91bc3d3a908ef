/* Keras's HDF5 files of Inception v3, three kinds:
 *   [model_weights/]conv2d_7/.../kernel[:0]    layers by their names, which count in the order of the network
 *   layers/conv2d_7/vars/0                     layers counted in the order of model.layers: by depth, deepest first */
#include "base/text.h"
#include "formats/hdf5.h"
#include "formats/inception.h"
#include "formats/readers.h"

#include <stdlib.h>
#include <string.h>

enum kind { CONV, NORM, DENSE, KIND_COUNT };
enum { MOST_VARIABLES = 4, MOST_LAYERS = 512 };

/* A layer and its tensors, by their names or numbers. */
struct layer {
    enum kind kind;
    int64_t number; /* behind its name; 0 where there is none */
    const struct weights_tensor *variables[MOST_VARIABLES];
    int variable_count; /* of numbered ones */
    bool is_numbered;
};

static const char *const variable_names[KIND_COUNT][MOST_VARIABLES] = {
    [CONV] = {"kernel"}, [NORM] = {"gamma", "beta", "moving_mean", "moving_variance"}, [DENSE] = {"kernel", "bias"}};

/* "conv2d_7": its kind and number. */
static bool read_layer_name(const char *name, size_t length, enum kind *kind, int64_t *number)
{
    static const struct {
        const char *name;
        enum kind kind;
    } known[] = {{"conv2d", CONV}, {"batch_normalization", NORM}, {"predictions", DENSE}, {"dense", DENSE}};
    char digits[16] = "0";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t size = strlen(known[i].name);
        if (length < size || memcmp(name, known[i].name, size) != 0 || (length > size && name[size] != '_') ||
            length - size >= sizeof digits)
            continue;
        if (length > size) {
            memcpy(digits, name + size + 1, length - size - 1);
            digits[length - size - 1] = 0;
        }
        *kind = known[i].kind;
        return tw_parse_int64(digits, 0, INT32_MAX, number);
    }
    return false;
}

/* Which of the layer's variables a path ends in; -1: none. */
static int variable_index(const char *path, enum kind kind, bool *is_numbered)
{
    const char *last = strrchr(path, '/');
    last = last ? last + 1 : path;
    size_t length = strcspn(last, ":");
    *is_numbered = length == 1 && *last >= '0' && *last < '0' + MOST_VARIABLES;
    if (*is_numbered)
        return *last - '0';
    for (int i = 0; i < MOST_VARIABLES && variable_names[kind][i]; i++) {
        if (strlen(variable_names[kind][i]) == length && memcmp(variable_names[kind][i], last, length) == 0)
            return i;
    }
    return -1;
}

/* The layers that the paths name, in no order. */
static size_t find_layers(struct build *build, const struct weights *weights, struct layer *layers)
{
    size_t count = 0;
    for (size_t i = 0; i < weights->count && !build->status; i++) {
        const char *path = weights->tensors[i].name;
        struct layer found = {0};
        bool is_layer = false;
        for (const char *part = path; !is_layer && part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
            is_layer = read_layer_name(part, strcspn(part, "/"), &found.kind, &found.number);
        int index = is_layer ? variable_index(path, found.kind, &found.is_numbered) : -1;
        if (index < 0 || strncmp(path, "optimizer", 9) == 0)
            continue;
        size_t at = 0;
        while (at < count && (layers[at].kind != found.kind || layers[at].number != found.number))
            at++;
        if (at == MOST_LAYERS) {
            build_fail(build, TW_UNSUPPORTED, "it has over %d layers with weights, and so is not Inception v3",
                       MOST_LAYERS);
            return 0;
        }
        if (at == count)
            layers[count++] = found;
        layers[at].variables[index] = &weights->tensors[i];
        layers[at].variable_count++;
    }
    return count;
}

static int compare_layers(const void *a, const void *b)
{
    const struct layer *left = a, *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return (left->number > right->number) - (left->number < right->number);
}

/* A batch norm without scale has three variables, which then begin with beta. */
static void add_named(struct build *build, const struct layer *layer, int unit, struct weights *named, size_t *capacity)
{
    static const char *const layer_names[] = {[CONV] = "conv2d", [NORM] = "batch_normalization"};
    int shift = layer->kind == NORM && layer->is_numbered && layer->variable_count == 3 ? 1 : 0;
    for (int i = 0; i + shift < MOST_VARIABLES && !build->status; i++) {
        const char *variable = variable_names[layer->kind][i + shift];
        if (!layer->variables[i] || !variable)
            continue;
        char *name = layer->kind == DENSE ? tw_format("predictions/%s", variable)
                                          : tw_format("%s_%d/%s", layer_names[layer->kind], unit, variable);
        struct weights_tensor *tensor = name ? weights_add(build, named, capacity, tw_span_of_text(name)) : NULL;
        if (tensor) {
            const char *kept = tensor->name;
            *tensor = *layer->variables[i];
            tensor->name = kept;
        } else if (!name) {
            build_fail_memory(build, strlen(variable));
        }
        tw_free(name);
    }
}

static void name_layers(struct build *build, struct layer *layers, size_t count, struct weights *named)
{
    int counts[KIND_COUNT] = {0}, units = inception_unit_count();
    size_t capacity = 0;
    bool is_numbered = false;
    for (size_t i = 0; i < count; i++) {
        counts[layers[i].kind]++;
        is_numbered |= layers[i].is_numbered;
    }
    if (counts[CONV] != units || counts[NORM] != units || counts[DENSE] > 1) {
        build_fail(
            build, TW_UNSUPPORTED,
            "the HDF5 file has %d convolutions, %d batch norms and %d dense layers by Keras's names; known is "
            "Inception v3 with %d, %d and at most 1: bring other networks of Keras as a SavedModel (model.export)",
            counts[CONV], counts[NORM], counts[DENSE], units, units);
        return;
    }
    qsort(layers, count, sizeof *layers, compare_layers);
    for (size_t i = 0; i < count && !build->status; i++) {
        int place = (int)i % units;
        add_named(build, &layers[i], is_numbered ? inception_unit_by_depth(place) : place, named, &capacity);
    }
    weights_sort(build, named);
}

bool keras_matches(struct tw_span bytes)
{
    return hdf5_matches(bytes);
}

enum tw_status keras_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                          struct tw_graph **graph, struct tw_error *error)
{
    struct build build = {.graph = tw_graph_new(), .limits = limits, .error = error};
    if (!build.graph)
        return tw_fail_memory(error, sizeof *build.graph, "a graph");
    struct weights weights = {0}, named = {0};
    hdf5_read(&build, source->bytes, &weights);
    struct layer *layers = build_alloc(&build, MOST_LAYERS, sizeof *layers);
    size_t count = layers ? find_layers(&build, &weights, layers) : 0;
    if (!build.status)
        name_layers(&build, layers, count, &named);
    if (!build.status)
        inception_build(&build, &named, INCEPTION_KERAS);
    return build_finish(&build, graph);
}
