/* ONNX Runtime and TensorFlow, each in a Python of the user's: a child that is told a photo (or its tensor) on a socket and answers
 * with a line of scores. Only one photo is on the way at a time, so that neither side waits for the other. */
#include "tasks/verify.h"

#include "base/memory.h"
#include "base/text.h"
#include "image/image.h"
#include "storage/storage.h"
#include "tasks/export.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define ANSWER                                                                                                         \
    "def put(x): print(' '.join('%.9g' % v for v in x.ravel()), flush=True)\n"                                         \
    "def read():\n"                                                                                                    \
    "    head = sys.stdin.buffer.read(8)\n"                                                                            \
    "    return sys.stdin.buffer.read(int.from_bytes(head, 'little')) if len(head) == 8 else None\n"

static const char onnx_script[] =
    "import sys\n"
    "try:\n"
    "    import numpy, onnxruntime\n"
    "except Exception as problem:\n"
    "    print('absent', flush=True); sys.exit()\n"
    "print(onnxruntime.__version__, flush=True)\n" ANSWER "try:\n"
    "    session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
    "    entry = session.get_inputs()[0]\n"
    "    shape = [1] + [int(n) for n in sys.argv[2].split(',')]\n"
    "    while (data := read()) is not None:\n"
    "        put(session.run(['scores'], {entry.name: numpy.frombuffer(data, 'float32').reshape(shape)})[0])\n"
    "except Exception as problem:\n"
    "    print('error', str(problem).replace('\\n', ' ')[:300], flush=True)\n";
static const char tensorflow_script[] =
    "import os, sys\n"
    "os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\n"
    "try:\n"
    "    import tensorflow as tf\n"
    "except Exception as problem:\n"
    "    print('absent', flush=True); sys.exit()\n"
    "print(tf.__version__, flush=True)\n" ANSWER "try:\n"
    "    ask = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
    "    while (data := read()) is not None:\n"
    "        put(ask(key=tf.constant(['']), image_bytes=tf.constant([data]))['scores'].numpy())\n"
    "except Exception as problem:\n"
    "    print('error', str(problem).replace('\\n', ' ')[:300], flush=True)\n";

struct runtime {
    const char *name, *program; /* "ONNX Runtime"; for people */
    pid_t child;
    int to;
    FILE *from;
    char *line;
    size_t room, label_count;
    const struct tw_model *model; /* ONNX Runtime is given tensors by its policy; NULL: photos as they are */
    const struct tw_image_limits *limits;
    float *tensor;
};

static void end_child(struct runtime *runtime)
{
    if (runtime->child > 0) {
        close(runtime->to);
        fclose(runtime->from);
        waitpid(runtime->child, NULL, 0);
    }
    free(runtime->line);
    tw_free(runtime->tensor);
}

static enum tw_status fail_system(struct tw_error *error, const char *what)
{
    return tw_fail(error, TW_IO, "%s: %s", what, strerror(errno));
}

static enum tw_status start_child(struct runtime *runtime, const char *script, const char *model, const char *shape,
                                  struct tw_error *error)
{
    int in[2], out[2];
    char *const arguments[] = {(char *)runtime->program, "-c", (char *)script, (char *)model, (char *)shape, NULL};
    posix_spawn_file_actions_t actions;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0)
        return fail_system(error, "a socket");
    if (pipe2(out, O_CLOEXEC) != 0) {
        close(in[0]);
        close(in[1]);
        return fail_system(error, "a pipe");
    }
    int problem = posix_spawn_file_actions_init(&actions);
    if (problem == 0) {
        posix_spawn_file_actions_adddup2(&actions, in[1], 0);
        posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        problem = posix_spawnp(&runtime->child, runtime->program, &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(in[1]);
    close(out[1]);
    runtime->to = in[0];
    runtime->from = problem == 0 ? fdopen(out[0], "r") : NULL;
    if (runtime->from)
        return TW_OK;
    close(in[0]);
    close(out[0]);
    if (problem == 0)
        waitpid(runtime->child, NULL, 0);
    runtime->child = 0;
    errno = problem ? problem : errno;
    return fail_system(error, runtime->program);
}

static enum tw_status send_all(struct runtime *runtime, const void *data, size_t size, struct tw_error *error)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t sent = send(runtime->to, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return fail_system(error, runtime->name);
        at += sent;
        size -= (size_t)sent;
    }
    return TW_OK;
}

/* Without its end. */
static enum tw_status read_line(struct runtime *runtime, struct tw_error *error)
{
    ssize_t size = getline(&runtime->line, &runtime->room, runtime->from);
    if (size <= 0)
        return tw_fail(error, TW_IO, "%s ended without an answer", runtime->name);
    runtime->line[strcspn(runtime->line, "\n")] = 0;
    return strncmp(runtime->line, "error ", 6) == 0 ? tw_fail(error, TW_CORRUPT, "%s", runtime->line + 6) : TW_OK;
}

static enum tw_status to_tensor(struct runtime *runtime, struct tw_span photo, struct tw_span *tensor,
                                struct tw_error *error)
{
    const struct tw_image_policy *policy = &runtime->model->policy;
    struct tw_image image = {0};
    enum tw_status status = tw_image_decode(photo, &policy->decode, runtime->limits, &image, error);
    if (!status)
        status = tw_image_to_tensor(&image, policy, runtime->tensor, error);
    tw_image_release(&image);
    *tensor = tw_span_of(runtime->tensor, 3 * sizeof(float) * (size_t)policy->width * (size_t)policy->height);
    return status;
}

static enum tw_status ask(void *context, struct tw_span photo, float *scores, struct tw_error *error)
{
    struct runtime *runtime = context;
    uint8_t head[8];
    enum tw_status status = runtime->model ? to_tensor(runtime, photo, &photo, error) : TW_OK;
    tw_store_u64le(head, photo.size);
    if (!status)
        status = send_all(runtime, head, sizeof head, error);
    if (!status)
        status = send_all(runtime, photo.data, photo.size, error);
    if (!status)
        status = read_line(runtime, error);
    char *at = runtime->line;
    for (size_t i = 0; i < runtime->label_count && !status; i++) {
        char *end;
        scores[i] = strtof(at, &end);
        if (end == at)
            status = tw_fail(error, TW_CORRUPT, "%s gives %zu scores, the model has %zu labels", runtime->name, i,
                             runtime->label_count);
        at = end;
    }
    if (!status && at[strspn(at, " ")])
        status = tw_fail(error, TW_CORRUPT, "%s gives more scores than the model has labels", runtime->name);
    return status;
}

/* One runtime on one exported model; where the program or the module is not there, the way is left. */
static enum tw_status go(struct tw_verify *verify, struct runtime *runtime, const char *script, const char *model,
                         const char *shape, struct tw_error *error)
{
    char text[400];
    runtime->label_count = verify->predictions.labels.count;
    struct tw_error problem = {0};
    enum tw_status status = start_child(runtime, script, model, shape, &problem);
    if (!status)
        status = read_line(runtime, &problem);
    if (status || strcmp(runtime->line, "absent") == 0) {
        snprintf(text, sizeof text, "%s %s; --python names another", runtime->program,
                 status ? "does not run" : "has no such module");
        return tw_verify_leave(verify, runtime->name, text, error);
    }
    snprintf(text, sizeof text, "%s %.40s", runtime->name, runtime->line);
    void *const contexts[] = {runtime};
    const struct tw_verify_road road = {text, contexts, 1, ask};
    return tw_verify_go(verify, &road, error);
}

static enum tw_status go_onnx(struct tw_verify *verify, const char *python, const char *path, struct tw_error *error)
{
    struct tw_model model = {0};
    struct tw_backbone backbone = {0};
    struct runtime runtime = {.name = "ONNX Runtime", .program = python, .model = &model};
    char shape[64];
    enum tw_status status = tw_predict_open(&verify->options, &model, &backbone, error);
    runtime.limits = &verify->options.task.limits;
    const struct tw_image_policy *policy = &model.policy;
    int first = policy->is_nhwc ? policy->height : 3, last = policy->is_nhwc ? 3 : policy->width;
    snprintf(shape, sizeof shape, "%d,%d,%d", first, policy->is_nhwc ? policy->width : policy->height, last);
    if (!status && !(runtime.tensor = tw_alloc((size_t)policy->width * (size_t)policy->height, 3 * sizeof(float))))
        status = tw_fail_memory(error, 1, "a tensor");
    if (!status)
        status = go(verify, &runtime, onnx_script, path, shape, error);
    end_child(&runtime);
    tw_model_release(&model);
    tw_backbone_release(&backbone);
    return status;
}

static enum tw_status go_tensorflow(struct tw_verify *verify, const char *python, const char *folder,
                                    struct tw_error *error)
{
    struct runtime runtime = {.name = "TensorFlow", .program = python};
    enum tw_status status = go(verify, &runtime, tensorflow_script, folder, "", error);
    end_child(&runtime);
    return status;
}

/* Of what export writes. */
static void remove_scratch(const char *folder)
{
    static const char *const files[] = {"model.onnx", "saved/assets.extra/topwork.json", "saved/saved_model.pb"};
    static const char *const folders[] = {"saved/assets.extra", "saved/variables", "saved", ""};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *uri = tw_uri_join(folder, files[i]);
        if (uri)
            (void)!tw_storage_remove(uri, NULL);
        tw_free(uri);
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *uri = *folders[i] ? tw_uri_join(folder, folders[i]) : tw_strdup(folder);
        if (uri)
            (void)!tw_storage_remove_folder(uri, NULL);
        tw_free(uri);
    }
}

/* The way through one export: what is there already, or what is made now. A model that cannot be exported leaves it. */
static enum tw_status go_export(struct tw_verify *verify, const char *python, const char *given, const char *made,
                                enum tw_export_format format, struct tw_error *error)
{
    bool is_onnx = format == TW_EXPORT_ONNX;
    const char *name = is_onnx ? "ONNX Runtime" : "TensorFlow";
    struct tw_export_options options = {
        .task = verify->options.task, .model = verify->options.model, .output_uri = made, .format = format};
    struct tw_error problem = {0};
    if (!verify->computes_in_floats && !given)
        return tw_verify_leave(verify, name,
                               "the model computes in bf16 or integers, which other runtimes do otherwise", error);
    enum tw_status status = given ? TW_OK : tw_export(&options, &problem);
    if (status)
        return tw_verify_leave(verify, name, problem.text, error);
    const char *path = given ? given : made;
    return is_onnx ? go_onnx(verify, python, path, error) : go_tensorflow(verify, python, path, error);
}

enum tw_status tw_verify_runtimes(struct tw_verify *verify, const char *python, const char *savedmodel,
                                  const char *onnx, struct tw_error *error)
{
    const char *base = getenv("TMPDIR");
    char *scratch = tw_format("%s/topwork-verify-XXXXXX", base && *base ? base : "/tmp");
    if (!scratch || !mkdtemp(scratch)) {
        tw_free(scratch);
        return fail_system(error, "a scratch folder");
    }
    char *file = tw_uri_join(scratch, "model.onnx"), *folder = tw_uri_join(scratch, "saved");
    const char *program = python ? python : "python3";
    enum tw_status status = file && folder ? TW_OK : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = go_export(verify, program, onnx, file, TW_EXPORT_ONNX, error);
    if (!status)
        status = go_export(verify, program, savedmodel, folder, TW_EXPORT_SAVEDMODEL, error);
    remove_scratch(scratch);
    tw_free(file);
    tw_free(folder);
    tw_free(scratch);
    return status;
}
