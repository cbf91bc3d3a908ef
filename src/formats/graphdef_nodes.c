/* GraphDef: node 1 of NodeDef (name 1, op 2, input 3, attr 5); library 2 of functions 1: FunctionDef (signature 1 of OpDef:
 * name 1, input_arg 2, output_arg 3 with their names in 1; node_def 3; ret 4, a map from outputs to "node:arg:index").
 *
 * A call becomes a node with the outputs of the body that is put in for it, so no op has to know of functions. */
#include "formats/graphdef.h"

#include <stdlib.h>
#include <string.h>

enum { GRAPH_NODE = 1, GRAPH_LIBRARY = 2, NODE_NAME = 1, NODE_OP = 2, NODE_INPUT = 3 };
enum { FUNCTION_SIGNATURE = 1, FUNCTION_NODE = 3, FUNCTION_RET = 4, OP_NAME = 1, OP_INPUT = 2, OP_OUTPUT = 3 };
enum { MOST_DEPTH = 32, MOST_PORT = 4096 };

struct name_entry {
    const char *name;
    struct tf_link link;
};

struct function {
    const char *name;
    struct tw_span message;
};

/* The graph itself, or the body of a function for one call. */
struct scope {
    struct tw_span message;
    int call; /* node; -1: the graph itself */
    int depth;
    struct name_entry *names; /* sorted */
    size_t name_count;
};

struct reading {
    struct tf_graph *tf;
    struct function *functions; /* sorted */
    size_t function_count;
    struct scope *scopes;
    size_t scope_count, scope_capacity, node_capacity;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name_entry *)a)->name, ((const struct name_entry *)b)->name);
}

static int compare_functions(const void *a, const void *b)
{
    return strcmp(((const struct function *)a)->name, ((const struct function *)b)->name);
}

/* The text in field `number` of a message; "" where there is none. */
static const char *text_of(struct build *build, struct tw_span message, uint32_t number)
{
    struct tw_wire_field field;
    const char *text = "";
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == number)
            text = build_text(build, &field, "a graph");
    }
    return text;
}

/* The last message in field `number`; empty where there is none. */
static struct tw_span message_of(struct build *build, struct tw_span message, uint32_t number)
{
    struct tw_wire_field field;
    struct tw_span found = {0};
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == number && build_expect(build, &field, TW_WIRE_BYTES, "a graph"))
            found = field.bytes;
    }
    return found;
}

static size_t count_messages(struct build *build, struct tw_span message, uint32_t number)
{
    struct tw_wire_field field;
    size_t count = 0;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);)
        count += field.number == number && build_expect(build, &field, TW_WIRE_BYTES, "a graph");
    return build->status ? 0 : count;
}

static void read_library(struct reading *reading, struct tw_span graph)
{
    struct build *build = reading->tf->build;
    struct tw_span library = message_of(build, graph, GRAPH_LIBRARY);
    struct tw_wire_field field;
    size_t count = count_messages(build, library, 1);
    reading->functions = build_alloc(build, count, sizeof *reading->functions);
    for (struct tw_reader reader = tw_reader_of(library); reading->functions && build_next(build, &reader, &field);) {
        if (field.number != 1)
            continue;
        struct tw_span signature = message_of(build, field.bytes, FUNCTION_SIGNATURE);
        reading->functions[reading->function_count++] =
            (struct function){.name = text_of(build, signature, OP_NAME), .message = field.bytes};
    }
    if (!build->status && count)
        qsort(reading->functions, count, sizeof *reading->functions, compare_functions);
}

static const struct function *find_function(const struct reading *reading, const char *name)
{
    const struct function key = {.name = name};
    if (!name || reading->function_count == 0)
        return NULL;
    return bsearch(&key, reading->functions, reading->function_count, sizeof key, compare_functions);
}

/* The function that a node calls; NULL: it is no call. */
static const struct function *called(struct reading *reading, const struct tf_node *node)
{
    enum { KIND_FUNCTION = 10 };
    if (strcmp(node->op, "PartitionedCall") != 0 && strcmp(node->op, "StatefulPartitionedCall") != 0)
        return find_function(reading, node->op);
    struct tw_span list = tf_message(reading->tf, node, "f", KIND_FUNCTION);
    return find_function(reading, text_of(reading->tf->build, list, 1));
}

/* A node of a body is called as in the file where that name is free, else by its call's name too. */
static const char *unique_name(struct reading *reading, const struct scope *scope, const char *name)
{
    struct build *build = reading->tf->build;
    if (scope->call < 0 || build->status)
        return name;
    if (tw_graph_find_value(build->graph, name) >= 0) {
        int id = build_fresh(build, reading->tf->nodes[scope->call].name, name);
        return id < 0 ? name : build->graph->values[id].name;
    }
    build_value(build, name);
    return name;
}

static void read_node(struct reading *reading, const struct scope *scope, struct tw_span message,
                      struct name_entry *entry)
{
    struct build *build = reading->tf->build;
    struct tf_node *node = &reading->tf->nodes[reading->tf->node_count];
    struct tw_wire_field field;
    size_t inputs = 0;
    *node = (struct tf_node){.message = message, .name = "", .op = ""};
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);) {
        if (field.number == NODE_NAME)
            node->name = build_text(build, &field, "a node");
        else if (field.number == NODE_OP)
            node->op = build_text(build, &field, "a node");
        inputs += field.number == NODE_INPUT;
    }
    if (!build->status && (!*node->name || !*node->op))
        build_fail(build, TW_CORRUPT, "a node has no name or no op");
    *entry = (struct name_entry){.name = node->name, .link = {.node = (int)reading->tf->node_count}};
    node->inputs = build_alloc(build, inputs, sizeof *node->inputs);
    node->ports = build_alloc(build, inputs, sizeof *node->ports);
    if (!build->status)
        node->name = unique_name(reading, scope, node->name);
    reading->tf->node_count++;
}

static bool grow_nodes(struct reading *reading, size_t more)
{
    struct tf_graph *tf = reading->tf;
    struct build *build = tf->build;
    if (build->status)
        return false;
    if (more > build->limits->max_nodes - tf->node_count) {
        build_fail(build, TW_LIMIT, "it has over %zu nodes, those of its functions counted for each call",
                   build->limits->max_nodes);
        return false;
    }
    size_t needed = tf->node_count + more;
    if (needed <= reading->node_capacity)
        return true;
    size_t capacity = needed > 2 * reading->node_capacity ? needed : 2 * reading->node_capacity;
    struct tf_node *nodes = build_alloc(build, capacity, sizeof *nodes);
    if (!nodes)
        return false;
    if (tf->node_count)
        memcpy(nodes, tf->nodes, tf->node_count * sizeof *nodes);
    tf->nodes = nodes;
    reading->node_capacity = capacity;
    return true;
}

/* A function's arguments stand for what its call takes. */
static size_t read_arguments(struct reading *reading, const struct scope *scope, struct name_entry *names)
{
    struct build *build = reading->tf->build;
    const struct tf_node *call = &reading->tf->nodes[scope->call];
    struct tw_span signature = message_of(build, scope->message, FUNCTION_SIGNATURE);
    struct tw_wire_field field;
    int count = 0;
    for (struct tw_reader reader = tw_reader_of(signature); build_next(build, &reader, &field);) {
        if (field.number != OP_INPUT)
            continue;
        if (count == call->input_count) {
            build_fail(build, TW_CORRUPT, "node '%.200s' (op %.100s) calls a function of more arguments than its %d",
                       call->name, call->op, call->input_count);
            break;
        }
        names[count].name = text_of(build, field.bytes, 1);
        names[count].link = (struct tf_link){.node = call->inputs[count], .port = call->ports[count]};
        count++;
    }
    return build->status ? 0 : (size_t)count;
}

static void read_scope_nodes(struct reading *reading, struct scope *scope)
{
    struct build *build = reading->tf->build;
    uint32_t number = scope->call < 0 ? GRAPH_NODE : FUNCTION_NODE;
    struct tw_wire_field field;
    size_t count = count_messages(build, scope->message, number), argument_count = 0;
    if (scope->call >= 0)
        argument_count = (size_t)reading->tf->nodes[scope->call].input_count;
    if (!grow_nodes(reading, count))
        return;
    scope->names = build_alloc(build, count + argument_count, sizeof *scope->names);
    if (scope->names && scope->call >= 0)
        scope->name_count = read_arguments(reading, scope, scope->names);
    for (struct tw_reader reader = tw_reader_of(scope->message); scope->names && build_next(build, &reader, &field);) {
        if (field.number == number)
            read_node(reading, scope, field.bytes, &scope->names[scope->name_count++]);
    }
    if (build->status)
        return;
    qsort(scope->names, scope->name_count, sizeof *scope->names, compare_names);
    for (size_t i = 1; i < scope->name_count; i++) {
        if (strcmp(scope->names[i - 1].name, scope->names[i].name) == 0)
            build_fail(build, TW_CORRUPT, "two nodes are named '%.200s'", scope->names[i].name);
    }
}

/* Which output an op's named one is, where it is not the first. */
static int first_port(const char *argument, size_t length)
{
    static const struct {
        const char *argument;
        int port;
    } known[] = {{"indices", 1}, {"batch_mean", 1}, {"batch_variance", 2}, {"reserve_space_1", 3}, {"output_true", 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].argument) == length && memcmp(known[i].argument, argument, length) == 0)
            return known[i].port;
    }
    return 0;
}

/* "name", "name:port", and in functions "name:argument:index". */
static bool find_link(struct build *build, const struct scope *scope, const char *text, struct tf_link *link)
{
    const char *colon = strchr(text, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
    long port = second ? strtol(second + 1, NULL, 10) : colon ? strtol(colon + 1, NULL, 10) : 0;
    if (port < 0 || port > MOST_PORT || scope->name_count == 0)
        return false;
    if (second)
        port += first_port(colon + 1, (size_t)(second - colon - 1));
    char *name = tw_strndup(text, colon ? (size_t)(colon - text) : strlen(text));
    if (!name) {
        build_fail_memory(build, strlen(text));
        return false;
    }
    struct name_entry key = {.name = name};
    const struct name_entry *found = bsearch(&key, scope->names, scope->name_count, sizeof key, compare_names);
    tw_free(name);
    if (!found)
        return false;
    *link = found->link;
    link->port += (int)port;
    return true;
}

static void read_inputs(struct reading *reading, const struct scope *scope, struct tf_node *node)
{
    struct build *build = reading->tf->build;
    struct tw_wire_field field;
    for (struct tw_reader reader = tw_reader_of(node->message); build_next(build, &reader, &field);) {
        struct tf_link link;
        const char *text = field.number == NODE_INPUT ? build_text(build, &field, "a node") : NULL;
        if (!text || *text == '^')
            continue;
        if (!find_link(build, scope, text, &link)) {
            build_fail(build, TW_CORRUPT, "node '%.200s' (op %.100s) takes '%.200s', which no node makes", node->name,
                       node->op, text);
            return;
        }
        node->inputs[node->input_count] = link.node;
        node->ports[node->input_count++] = link.port;
    }
}

static void add_scope(struct reading *reading, struct scope scope)
{
    struct build *build = reading->tf->build;
    if (!build->status)
        build->status = tw_grow((void **)&reading->scopes, &reading->scope_capacity, reading->scope_count + 1,
                                sizeof *reading->scopes, build->error);
    if (!build->status)
        reading->scopes[reading->scope_count++] = scope;
}

/* The call's outputs are what the body returns, in the order of its signature. */
static void set_results(struct reading *reading, const struct scope *scope)
{
    struct build *build = reading->tf->build;
    struct tw_span signature = message_of(build, scope->message, FUNCTION_SIGNATURE);
    struct tw_wire_field output, entry;
    size_t count = count_messages(build, signature, OP_OUTPUT);
    if (count > MOST_PORT)
        build_fail(build, TW_LIMIT, "a function returns %zu tensors, over the limit of %d", count, MOST_PORT);
    /* Each output looks through the whole map. */
    if (!build_charge(build, count * count_messages(build, scope->message, FUNCTION_RET) * sizeof(struct tf_link)))
        return;
    struct tf_link *results = build_alloc(build, count, sizeof *results);
    int made = 0;
    for (struct tw_reader outputs = tw_reader_of(signature); results && build_next(build, &outputs, &output);) {
        if (output.number != OP_OUTPUT)
            continue;
        const char *name = text_of(build, output.bytes, 1), *source = NULL;
        for (struct tw_reader map = tw_reader_of(scope->message); name && build_next(build, &map, &entry);) {
            if (entry.number == FUNCTION_RET && !source &&
                tw_span_equal(message_of(build, entry.bytes, 1), tw_span_of_text(name)))
                source = text_of(build, entry.bytes, 2);
        }
        if (!build->status && (!source || !find_link(build, scope, source, &results[made])))
            build_fail(build, TW_CORRUPT, "a function returns '%.200s', which no node of it makes", name);
        made++;
    }
    reading->tf->nodes[scope->call].results = results;
    reading->tf->nodes[scope->call].result_count = made;
}

static void read_scope(struct reading *reading, size_t index)
{
    struct build *build = reading->tf->build;
    struct scope scope = reading->scopes[index];
    size_t first = reading->tf->node_count;
    if (scope.call >= 0)
        build_charge(build, scope.message.size);
    if (scope.depth > MOST_DEPTH)
        build_fail(build, TW_LIMIT, "its functions call each other over %d deep", MOST_DEPTH);
    read_scope_nodes(reading, &scope);
    reading->scopes[index] = scope;
    size_t end = reading->tf->node_count;
    for (size_t i = first; i < end && !build->status; i++) {
        read_inputs(reading, &scope, &reading->tf->nodes[i]);
        const struct function *function = called(reading, &reading->tf->nodes[i]);
        if (function)
            add_scope(reading, (struct scope){function->message, (int)i, scope.depth + 1, NULL, 0});
    }
    if (scope.call >= 0 && !build->status)
        set_results(reading, &scope);
}

/* Through calls, to the node that makes it. */
static void settle(struct tf_graph *tf, struct tf_link *link)
{
    for (size_t steps = 0; tf->nodes[link->node].results && !tf->build->status; steps++) {
        const struct tf_node *call = &tf->nodes[link->node];
        if (link->port >= call->result_count)
            build_fail(tf->build, TW_CORRUPT, "output %d of node '%.200s' (op %.100s) is asked for; it has %d",
                       link->port, call->name, call->op, call->result_count);
        else if (steps > tf->node_count)
            build_fail(tf->build, TW_UNSUPPORTED, "nodes form a loop through node '%.200s' (op %.100s)", call->name,
                       call->op);
        else
            *link = call->results[link->port];
    }
}

static void settle_all(struct tf_graph *tf)
{
    for (size_t i = 0; i < tf->node_count && !tf->build->status; i++) {
        struct tf_node *node = &tf->nodes[i];
        for (int k = 0; k < node->input_count && !node->results; k++) {
            struct tf_link link = {.node = node->inputs[k], .port = node->ports[k]};
            settle(tf, &link);
            node->inputs[k] = link.node;
            node->ports[k] = link.port;
            tf->nodes[link.node].consumer_count++;
            tf->nodes[link.node].last_consumer = (int)i;
        }
    }
}

void tf_read_nodes(struct tf_graph *tf, struct tw_span message)
{
    struct reading reading = {.tf = tf};
    read_library(&reading, message);
    add_scope(&reading, (struct scope){.message = message, .call = -1});
    for (size_t i = 0; i < reading.scope_count && !tf->build->status; i++) {
        read_scope(&reading, i);
        if (i == 0)
            tf->names = reading.scopes ? reading.scopes[0].names : NULL;
        if (i == 0)
            tf->name_count = reading.scopes ? reading.scopes[0].name_count : 0;
    }
    tw_free(reading.scopes);
    settle_all(tf);
}

bool tf_find_output(struct tf_graph *tf, const char *name, struct tf_link *link)
{
    const struct scope scope = {.names = tf->names, .name_count = tf->name_count};
    if (!find_link(tf->build, &scope, name, link))
        return false;
    settle(tf, link);
    return !tf->build->status;
}

/* The node behind Identities. */
static const struct tf_node *behind(const struct tf_graph *tf, const struct tf_node *node, int input, int *port)
{
    enum { MOST_STEPS = 8 };
    for (int i = 0; i < MOST_STEPS && input < node->input_count; i++) {
        *port = node->ports[input];
        node = &tf->nodes[node->inputs[input]];
        input = 0;
        if (strcmp(node->op, "Identity") != 0)
            break;
    }
    return node;
}

/* RestoreV2 has the keys as its second input; what it makes is assigned to the variables one by one. */
bool tf_find_variables(struct tf_graph *tf)
{
    bool is_found = false;
    const struct tf_node *last = NULL;
    const char *const *keys = NULL;
    size_t count = 0;
    for (size_t i = 0; i < tf->node_count && !tf->build->status; i++) {
        const struct tf_node *node = &tf->nodes[i];
        int port = 0;
        is_found |= strcmp(node->op, "VarHandleOp") == 0 || strcmp(node->op, "VariableV2") == 0;
        if ((strcmp(node->op, "AssignVariableOp") != 0 && strcmp(node->op, "Assign") != 0) || node->input_count < 2)
            continue;
        const struct tf_node *restore = behind(tf, node, 1, &port);
        if (strcmp(restore->op, "RestoreV2") != 0 || restore->input_count < 2)
            continue;
        /* The list of one RestoreV2 serves the assignments after it. */
        if (restore != last && !tf_const_texts(tf, restore->inputs[1], &keys, &count))
            continue;
        last = restore;
        if ((size_t)port < count)
            tf->nodes[node->inputs[0]].key = keys[port];
    }
    return is_found;
}
