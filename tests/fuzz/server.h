/* A prediction server in this process, asked over socket pairs: no port is taken, nothing leaves the machine. Its one model is made
 * here: 4 x 4 pixels, their mean, two labels. */
#ifndef TW_TESTS_FUZZ_SERVER_H
#define TW_TESTS_FUZZ_SERVER_H

#include "base/memory.h"
#include "formats/format.h"
#include "fuzz.h"
#include "graph/graph.h"
#include "serve/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

/* The linker gives MHD_start_daemon's calls to the first of these (--wrap), so that the daemon is known. */
struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback policy,
                                           void *policy_context, MHD_AccessHandlerCallback handler,
                                           void *handler_context, ...);
static struct MHD_Daemon *the_daemon;
struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback policy,
                                           void *policy_context, MHD_AccessHandlerCallback handler,
                                           void *handler_context, ...)
{
    va_list options;
    va_start(options, handler_context);
    the_daemon = MHD_start_daemon_va(flags, port, policy, policy_context, handler, handler_context, options);
    va_end(options);
    return the_daemon;
}

static inline const char *tiny_model(void)
{
    static char path[256];
    struct tw_graph *graph = tw_graph_new();
    const struct tw_shape photo = {4, {TW_UNKNOWN, 3, 4, 4}}, weights = {2, {3, 2}}, bias = {1, {2}},
                          any = {TW_UNKNOWN, {0}};
    static const float numbers[] = {1, -1, 0.5f, -0.5f, 2, -2}, zeros[] = {0, 0};
    int image = tw_graph_add_value(graph, "image", TW_F32, &photo),
        mean = tw_graph_add_value(graph, "mean", TW_F32, &any);
    int w = tw_graph_add_constant(graph, "w", TW_F32, &weights, numbers, true);
    int b = tw_graph_add_constant(graph, "b", TW_F32, &bias, zeros, true);
    int embedding = tw_graph_add_value(graph, "embedding", TW_F32, &any),
        logits = tw_graph_add_value(graph, "logits", TW_F32, &any);
    int scores = tw_graph_add_value(graph, "scores", TW_F32, &any);
    const int three[] = {embedding, w, b}, ends[] = {embedding, logits, scores};
    struct tw_image_policy policy = tw_image_policy_default;
    policy.width = policy.height = 4;
    char *policy_text = tw_image_policy_to_json(&policy);
    must(policy_text != NULL && tw_graph_add_node(graph, TW_OP_GLOBAL_AVERAGE_POOL, "", &image, 1, &mean, 1) != NULL &&
             tw_graph_add_node(graph, TW_OP_FLATTEN, "", &mean, 1, &embedding, 1) != NULL &&
             tw_graph_add_node(graph, TW_OP_GEMM, "", three, 3, &logits, 1) != NULL &&
             tw_graph_add_node(graph, TW_OP_SOFTMAX, "", &logits, 1, &scores, 1) != NULL &&
             tw_graph_set_inputs(graph, &image, 1) && tw_graph_set_outputs(graph, ends, 3) &&
             tw_graph_set_property(graph, "topwork.version", "1") &&
             tw_graph_set_property(graph, "topwork.labels", "[\"dark\",\"light\"]") &&
             tw_graph_set_property(graph, "topwork.policy", policy_text) &&
             tw_graph_set_property(graph, "topwork.backbone", "tiny") &&
             tw_graph_set_property(graph, "topwork.backbone_digest",
                                   "0000000000000000000000000000000000000000000000000000000000000001") &&
             tw_graph_set_property(graph, "topwork.embedding_size", "3"),
         "a model");
    struct tw_buffer bytes = {0};
    must(tw_onnx_write(graph, "fuzz", "1", &bytes, NULL) == TW_OK, "a model's bytes");
    put_in_folder("m.onnx", bytes.data, bytes.size);
    snprintf(path, sizeof path, "%s/m.onnx", folder_of_fuzz());
    tw_buffer_release(&bytes);
    tw_graph_free(graph);
    tw_free(policy_text);
    return path;
}

static int is_ready;
static pthread_mutex_t ready_mutex = PTHREAD_MUTEX_INITIALIZER; /* guards is_ready */
static pthread_cond_t ready_signal = PTHREAD_COND_INITIALIZER;

static void say_ready(void *context, uint16_t port, uint16_t admin_port)
{
    (void)context;
    (void)port;
    (void)admin_port;
    pthread_mutex_lock(&ready_mutex);
    is_ready = 1;
    pthread_cond_signal(&ready_signal);
    pthread_mutex_unlock(&ready_mutex);
}

static inline void *run_server(void *path)
{
    static const struct tw_sink sink;
    struct tw_serve_options options = {.source = path,
                                       .single_name = "m",
                                       .listen = {.address = "127.0.0.1"},
                                       .takes_corrections = true,
                                       .threads = 1,
                                       .poll_s = 3600,
                                       .limits = tw_serve_limits_default,
                                       .image_limits = tw_image_limits_default,
                                       .sink = &sink,
                                       .ready = say_ready};
    options.image_limits.max_pixels = 1 << 16;
    options.limits.most_body_bytes = 1 << 16;
    struct tw_error error = {0};
    if (tw_serve(&options, &error) != TW_OK)
        fprintf(stderr, "%s\n", error.text);
    must(false, "the server goes on");
    return NULL;
}

static inline void start_server(void)
{
    static bool is_started;
    pthread_t thread;
    if (is_started)
        return;
    is_started = true;
    must(pthread_create(&thread, NULL, run_server, (void *)(uintptr_t)tiny_model()) == 0, "a thread");
    pthread_mutex_lock(&ready_mutex);
    while (!is_ready)
        pthread_cond_wait(&ready_signal, &ready_mutex);
    pthread_mutex_unlock(&ready_mutex);
}

/* Sends the bytes and reads all that comes, until the server closes, or for so long nothing comes. Its code, 0 where there was no
 * answer. */
static inline unsigned ask(const uint8_t *data, size_t size, int patience_ms, char *answer, size_t room)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int ends[2];
    size_t filled = 0;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets");
    must(MHD_add_connection(the_daemon, ends[1], (struct sockaddr *)&address, sizeof address) == MHD_YES,
         "a connection");
    (void)!send(ends[0], data, size, MSG_NOSIGNAL);
    shutdown(ends[0], SHUT_WR);
    for (;;) {
        struct pollfd wait = {.fd = ends[0], .events = POLLIN};
        if (poll(&wait, 1, patience_ms) != 1)
            break;
        ssize_t got = recv(ends[0], answer + filled, room - 1 - filled, 0);
        if (got <= 0 || filled + (size_t)got == room - 1)
            break;
        filled += (size_t)got;
    }
    answer[filled] = 0;
    close(ends[0]);
    unsigned code = 0;
    if (filled > 12 && strncmp(answer, "HTTP/1.", 7) == 0)
        code = (unsigned)strtoul(answer + 9, NULL, 10);
    must(code != 500, "no request makes the server fail");
    return code;
}

#endif
