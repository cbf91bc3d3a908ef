#include "formats/hdf5.h"

#include <string.h>

/* Superblock: signature 8, versions, sizes of offsets and lengths at 13 and 14, in version 0 the base address at 24 and the
 * root's symbol table entry at 56; in version 1 each 4 later. Symbol table entry, 40 bytes: name's offset 0, object header 8.
 * Object header: version 0, count of messages 2, size 8, messages from 16 on: type 0, size 2, data 8. */
enum { ENTRY = 40, MESSAGE_HEAD = 8, TREE_HEAD = 24, MOST_DEPTH = 16, MOST_BLOCKS = 64, MOST_LEVELS = 8 };
enum message {
    MESSAGE_SPACE = 1,
    MESSAGE_TYPE = 3,
    MESSAGE_LAYOUT = 8,
    MESSAGE_FILTERS = 11,
    MESSAGE_MORE = 16,
    MESSAGE_TABLE = 17
};

/* An object that waits to be read. */
struct object {
    uint64_t address;
    const char *path;
    int depth;
};

struct reading {
    struct build *build;
    struct tw_span file;
    struct weights *weights;
    size_t capacity;
    struct object *objects; /* a stack */
    size_t count, object_capacity, steps;
};

/* What the messages of an object say. */
struct facts {
    struct tw_shape shape;
    enum tw_dtype dtype;
    struct tw_span data;
    uint64_t tree, heap; /* of a group */
    bool has_space, has_data, is_group, is_packed;
};

static void fail(struct reading *reading, const char *what)
{
    build_fail(reading->build, TW_CORRUPT, "the HDF5 file has %s", what);
}

/* Bytes at an address; false and failed where they are not there. Every look at the file is counted, and every page of it, so
 * that links that lead back cost a limited time. */
static bool look(struct reading *reading, uint64_t address, uint64_t size, struct tw_span *bytes)
{
    enum { LOOKS_PER_NODE = 16, PAGE = 4096 };
    if (reading->build->status)
        return false;
    reading->steps += 1 + (size_t)(size / PAGE);
    if (reading->steps > LOOKS_PER_NODE * reading->build->limits->max_nodes) {
        build_fail(reading->build, TW_LIMIT, "the HDF5 file has over %zu parts",
                   LOOKS_PER_NODE * reading->build->limits->max_nodes);
        return false;
    }
    if (address > reading->file.size || size > reading->file.size - address) {
        fail(reading, "parts that lie outside it: it is cut, or damaged");
        return false;
    }
    *bytes = tw_span_of(reading->file.data + address, (size_t)size);
    return true;
}

static uint16_t load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

/* Version 1: rank at 1, sizes from 8 on; version 2: from 4 on. */
static void read_space(struct reading *reading, struct tw_span message, struct facts *facts)
{
    size_t start = message.size && message.data[0] == 1 ? 8 : 4;
    int rank = message.size >= start ? message.data[1] : 0;
    if (message.size < start || rank > TW_MAX_RANK || (message.size - start) / 8 < (size_t)rank) {
        fail(reading, "a shape that is damaged, or of over 8 dimensions");
        return;
    }
    facts->shape.rank = rank;
    for (int i = 0; i < rank; i++)
        facts->shape.dims[i] = (int64_t)tw_load_u64le(message.data + start + 8 * (size_t)i);
    facts->has_space = true;
}

/* Class in the low half of byte 0, byte order in bit 0 of byte 1, sign in bit 3 there, size at 4. */
static void read_type(struct tw_span message, struct facts *facts)
{
    enum { FIXED = 0, FLOAT = 1 };
    static const enum tw_dtype integers[] = {[1] = TW_U8, [2] = TW_U16, [4] = TW_U32, [8] = TW_U64};
    static const enum tw_dtype signs[] = {[1] = TW_I8, [2] = TW_I16, [4] = TW_I32, [8] = TW_I64};
    static const enum tw_dtype floats[] = {[2] = TW_F16, [4] = TW_F32, [8] = TW_F64};
    if (message.size < 8 || (message.data[1] & 1))
        return;
    uint32_t size = tw_load_u32le(message.data + 4);
    int kind = message.data[0] & 15;
    if (size > 8)
        return;
    if (kind == FLOAT)
        facts->dtype = floats[size];
    else if (kind == FIXED)
        facts->dtype = message.data[1] & 8 ? signs[size] : integers[size];
}

/* Version 3 and 4: class at 1; of one piece: address at 2, size at 10; within the message: size at 2, data at 4. */
static void read_layout(struct reading *reading, struct tw_span message, struct facts *facts)
{
    enum { COMPACT = 0, ONE_PIECE = 1 };
    int kind = message.size >= 4 && (message.data[0] == 3 || message.data[0] == 4) ? message.data[1] : -1;
    if (kind == ONE_PIECE && message.size >= 18 && tw_load_u64le(message.data + 2) != UINT64_MAX)
        facts->has_data =
            look(reading, tw_load_u64le(message.data + 2), tw_load_u64le(message.data + 10), &facts->data);
    if (kind != COMPACT)
        return;
    size_t size = load_u16(message.data + 2);
    facts->has_data = size <= message.size - 4;
    facts->data = tw_span_of(message.data + 4, facts->has_data ? size : 0);
}

static void read_message(struct reading *reading, unsigned type, struct tw_span message, struct facts *facts)
{
    if (type == MESSAGE_SPACE) {
        read_space(reading, message, facts);
    } else if (type == MESSAGE_TYPE) {
        read_type(message, facts);
    } else if (type == MESSAGE_LAYOUT) {
        read_layout(reading, message, facts);
    } else if (type == MESSAGE_FILTERS) {
        facts->is_packed = true;
    } else if (type == MESSAGE_TABLE && message.size >= 16) {
        facts->is_group = true;
        facts->tree = tw_load_u64le(message.data);
        facts->heap = tw_load_u64le(message.data + 8);
    }
}

/* Messages go on in other blocks, which MESSAGE_MORE names. */
static void read_header(struct reading *reading, uint64_t address, struct facts *facts)
{
    struct tw_span head, blocks[MOST_BLOCKS];
    size_t block_count = 1;
    if (!look(reading, address, 16, &head))
        return;
    if (head.data[0] != 1) {
        build_fail(
            reading->build, TW_UNSUPPORTED,
            "the HDF5 file has an object header that is not of version 1: save it anew by Keras, or as SavedModel");
        return;
    }
    if (!look(reading, address + 16, tw_load_u32le(head.data + 8), &blocks[0]))
        return;
    for (size_t i = 0; i < block_count; i++) {
        struct tw_reader reader = tw_reader_of(blocks[i]);
        struct tw_span message_head, message;
        while (tw_read_span(&reader, MESSAGE_HEAD, &message_head)) {
            unsigned type = load_u16(message_head.data);
            if (!tw_read_span(&reader, load_u16(message_head.data + 2), &message)) {
                fail(reading, "a damaged message");
                return;
            }
            if (type == MESSAGE_MORE && message.size >= 16 && block_count < MOST_BLOCKS &&
                look(reading, tw_load_u64le(message.data), tw_load_u64le(message.data + 8), &blocks[block_count]))
                block_count++;
            read_message(reading, type, message, facts);
        }
    }
}

static void push(struct reading *reading, struct object object)
{
    struct build *build = reading->build;
    if (!build->status)
        build->status = tw_grow((void **)&reading->objects, &reading->object_capacity, reading->count + 1,
                                sizeof *reading->objects, build->error);
    if (!build->status)
        reading->objects[reading->count++] = object;
}

/* The members in a symbol node: "SNOD", count at 6, entries from 8 on. */
static void read_members(struct reading *reading, const struct object *group, uint64_t address, struct tw_span names)
{
    struct build *build = reading->build;
    struct tw_span head, entries;
    if (!look(reading, address, 8, &head))
        return;
    size_t count = load_u16(head.data + 6);
    if (memcmp(head.data, "SNOD", 4) != 0 || !look(reading, address + 8, count * ENTRY, &entries)) {
        fail(reading, "a damaged group");
        return;
    }
    for (size_t i = 0; i < count && !build->status; i++) {
        uint64_t offset = tw_load_u64le(entries.data + i * ENTRY);
        size_t left = offset < names.size ? names.size - (size_t)offset : 0;
        const char *name = (const char *)names.data + (names.size - left);
        size_t length = strnlen(name, left);
        if (length == left) {
            fail(reading, "a damaged group");
            return;
        }
        size_t size = strlen(group->path) + length + 2;
        char *path = build_charge(build, size) ? build_alloc(build, size, 1) : NULL;
        if (!path)
            return;
        size_t used = strlen(group->path);
        memcpy(path, group->path, used);
        if (used)
            path[used++] = '/';
        memcpy(path + used, name, length);
        push(reading, (struct object){tw_load_u64le(entries.data + i * ENTRY + 8), path, group->depth + 1});
    }
}

/* "TREE": level at 5, count at 6; then a key and a child in turn, 8 bytes each. */
static void read_tree(struct reading *reading, const struct object *group, uint64_t root, struct tw_span names)
{
    uint64_t stack[MOST_LEVELS * 64];
    size_t count = 0;
    stack[count++] = root;
    while (count && !reading->build->status) {
        struct tw_span head, children;
        uint64_t address = stack[--count];
        if (!look(reading, address, TREE_HEAD, &head))
            return;
        size_t child_count = load_u16(head.data + 6);
        int level = head.data[5];
        if (memcmp(head.data, "TREE", 4) != 0 || head.data[4] != 0 || level >= MOST_LEVELS ||
            !look(reading, address + TREE_HEAD, child_count * 16, &children) ||
            (level > 0 && child_count > sizeof stack / sizeof *stack - count)) {
            fail(reading, "a damaged group, or one that is too large");
            return;
        }
        for (size_t i = 0; i < child_count; i++) {
            uint64_t child = tw_load_u64le(children.data + 16 * i + 8);
            if (level > 0)
                stack[count++] = child;
            else
                read_members(reading, group, child, names);
        }
    }
}

/* "HEAP": size of the names at 8, their address at 24. */
static void read_group(struct reading *reading, const struct object *group, const struct facts *facts)
{
    struct tw_span head, names;
    if (group->depth >= MOST_DEPTH) {
        build_fail(reading->build, TW_LIMIT, "the HDF5 file nests groups over %d deep", MOST_DEPTH);
        return;
    }
    if (!look(reading, facts->heap, 32, &head))
        return;
    if (memcmp(head.data, "HEAP", 4) != 0)
        fail(reading, "a damaged group");
    else if (look(reading, tw_load_u64le(head.data + 24), tw_load_u64le(head.data + 8), &names))
        read_tree(reading, group, facts->tree, names);
}

static void read_object(struct reading *reading, const struct object *object)
{
    struct facts facts = {0};
    read_header(reading, object->address, &facts);
    if (reading->build->status)
        return;
    if (facts.is_group) {
        read_group(reading, object, &facts);
        return;
    }
    struct weights_tensor *tensor =
        weights_add(reading->build, reading->weights, &reading->capacity, tw_span_of_text(object->path));
    if (!tensor || !facts.has_space || !facts.has_data || facts.is_packed)
        return;
    tensor->dtype = facts.dtype;
    tensor->shape = facts.shape;
    tensor->data = facts.data;
}

bool hdf5_matches(struct tw_span bytes)
{
    return tw_span_starts(bytes, "\x89HDF\r\n\x1a\n", 8);
}

void hdf5_read(struct build *build, struct tw_span file, struct weights *weights)
{
    struct reading reading = {.build = build, .file = file, .weights = weights};
    struct tw_span block;
    if (!look(&reading, 0, 100, &block))
        return;
    size_t more = block.data[8] == 1 ? 4 : 0;
    if (block.data[8] > 1 || block.data[13] != 8 || block.data[14] != 8 || tw_load_u64le(block.data + 24 + more) != 0) {
        build_fail(
            build, TW_UNSUPPORTED,
            "the HDF5 file's superblock is of version %d with offsets of %d bytes; known are versions 0 and 1 with "
            "8, as h5py writes it unless it is asked for the latest",
            block.data[8], block.data[13]);
        return;
    }
    push(&reading, (struct object){.address = tw_load_u64le(block.data + 56 + more + 8), .path = ""});
    while (reading.count && !build->status) {
        struct object next = reading.objects[--reading.count];
        read_object(&reading, &next);
    }
    tw_free(reading.objects);
    weights_sort(build, weights);
}
