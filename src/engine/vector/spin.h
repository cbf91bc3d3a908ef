/* Loops of nothing but products of narrow numbers in registers: what a CPU can do at most. */
#ifndef TW_ENGINE_VECTOR_SPIN_H
#define TW_ENGINE_VECTOR_SPIN_H

#include <stdbool.h>

struct vector_spin {
    float (*run)(int rounds); /* its result only keeps the work from being left out */
    double operations;        /* of one round, multiplications and additions */
};
/* Bytes (`is_whole`) or bf16; false: the CPU has no unit for them, *spin stays. */
bool vector_spin_narrow(bool is_whole, struct vector_spin *spin);

#endif
