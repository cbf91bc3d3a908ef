/* A graph compiled for this CPU: create -> plan -> run. A plan is immutable and shared by threads; what a run needs
 * is in a scratch, one for each thread. Only this folder knows oneDNN.
 *
 * Two ways to use cores: throughput (a scratch and a thread for each image, `threads_inside` 1) and latency
 * (`threads_inside` n). Results are the same bits for both, and for any batch. */
#ifndef TW_ENGINE_ENGINE_H
#define TW_ENGINE_ENGINE_H

#include "graph/graph.h"

/* How numbers are held that the graph has as floats. What it has as integers, between QuantizeLinear and DequantizeLinear, is
 * computed in integers whatever is asked for. AUTO is for tasks, which decide it by their photos: here it is F32. */
enum tw_precision { TW_PRECISION_F32, TW_PRECISION_BF16, TW_PRECISION_INT8, TW_PRECISION_AUTO };
const char *tw_precision_name(enum tw_precision precision);
/* What the CPU makes of it: BF16 becomes F32 where there is no arithmetic of that kind. */
enum tw_precision tw_engine_precision(enum tw_precision wanted);
bool tw_graph_is_quantised(const struct tw_graph *graph);

struct tw_choices; /* engine/choices.h */
struct tw_plan_options {
    int64_t batch;                    /* images in a run; default 1 */
    int threads_inside;               /* of one run; default 1 */
    enum tw_precision precision;      /* default F32; INT8 for a graph that is not quantised: TW_UNSUPPORTED */
    const struct tw_choices *choices; /* borrowed for the call; NULL, the default: the fixed rules */
};
extern const struct tw_plan_options tw_plan_options_default;

struct tw_plan;
/* Copies what it needs: the graph may be freed after. The graph need not be inferred or optimised: a copy is. Unknown
 * leading dimensions of inputs become the batch; other unknown ones are TW_UNSUPPORTED with their names. Value names of
 * graph inputs and outputs stay. */
enum tw_status tw_plan_compile(const struct tw_graph *graph, const struct tw_plan_options *options,
                               struct tw_plan **plan, struct tw_error *error) TW_MUST_USE;
void tw_plan_free(struct tw_plan *plan);

/* Inputs and outputs in the graph's order; shapes with the batch in. f32, C order (NCHW) on the outside. */
size_t tw_plan_input_count(const struct tw_plan *plan);
size_t tw_plan_output_count(const struct tw_plan *plan);
const char *tw_plan_input_name(const struct tw_plan *plan, size_t index);
const char *tw_plan_output_name(const struct tw_plan *plan, size_t index);
const struct tw_shape *tw_plan_input_shape(const struct tw_plan *plan, size_t index);
const struct tw_shape *tw_plan_output_shape(const struct tw_plan *plan, size_t index);
size_t tw_plan_arena_bytes(const struct tw_plan *plan);  /* of one scratch */
size_t tw_plan_weight_bytes(const struct tw_plan *plan); /* shared */

struct tw_scratch;
enum tw_status tw_scratch_new(const struct tw_plan *plan, struct tw_scratch **scratch,
                              struct tw_error *error) TW_MUST_USE;
void tw_scratch_free(struct tw_scratch *scratch);
/* Where a run of one image reads its input: what is written there need not be copied. Inputs need not be there. */
float *tw_scratch_input(struct tw_scratch *scratch, size_t index);
/* outputs[i] may be NULL where it is not wanted. Thread-safe for different scratches. */
enum tw_status tw_plan_run(const struct tw_plan *plan, struct tw_scratch *scratch, const float *const *inputs,
                           float *const *outputs, struct tw_error *error) TW_MUST_USE;

/* A step of the plan, for profiles and for the choice table. */
struct tw_step_info {
    const char *name, *op;
    const char *algorithm; /* "onednn direct jit:avx2", "winograd 1d F(6,7)", "vector 1x1", "reference" ... */
    const char *key;       /* of a convolution, in a choice table; else NULL */
    const char *precision;
    double flop;    /* of one run, direct counting */
    double seconds; /* of the last tw_plan_profile; else 0 */
};
size_t tw_plan_step_count(const struct tw_plan *plan);
void tw_plan_step(const struct tw_plan *plan, size_t index, struct tw_step_info *info);
/* Of that run, of one image, which was fastest as a whole: from its input to its output, and of its convolutions alone. */
struct tw_plan_times {
    double seconds, convolution_seconds;
};
/* Times every step over `runs` runs of one image (least time kept). `times` may be NULL. */
enum tw_status tw_plan_profile(struct tw_plan *plan, int runs, struct tw_plan_times *times,
                               struct tw_error *error) TW_MUST_USE;

/* Operations a second, a multiplication and an addition counting as two, that `threads` cores reach with nothing but products
 * of this precision (F32, BF16, INT8) in registers, in the unit that plans use; measured now, some tens of milliseconds.
 * What the CPU has no unit for counts as f32. */
enum tw_status tw_engine_peak(int threads, enum tw_precision precision, double *flops,
                              struct tw_error *error) TW_MUST_USE;

/* Keeps kernels to those of a CPU that has this at most: one of TW_ISA_NAMES. Before anything else of the engine is used; later,
 * and where the library has no such limits, it is TW_UNSUPPORTED. */
#define TW_ISA_NAMES "sse41|avx2|avx512|avx512_vnni|avx512_bf16|amx"
enum tw_status tw_engine_limit_isa(const char *name, struct tw_error *error) TW_MUST_USE;

/* What decides bits besides the graph: engine version, library version, CPU features in use, precision. Static text, for cache
 * keys and manifests: equal text, equal bits. */
const char *tw_engine_identity(enum tw_precision precision);
/* The same without the precision. */
const char *tw_engine_build(void);
/* The CPU and its extensions, for people: "AMD EPYC, avx2 avx512 vnni bf16". */
const char *tw_engine_cpu(void);

#endif
