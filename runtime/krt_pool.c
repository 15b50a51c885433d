/* The thread pool: parts are dealt out statically; who has nothing to do spins for a
 * moment, then sleeps until its own word changes. */
#define _GNU_SOURCE
#include "runtime/krt.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined __linux__ && !defined KRT_NO_FUTEX
#define KRT_FUTEX
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

/* A word that threads wait on. */
typedef struct Gate {
    _Atomic unsigned word;
#ifndef KRT_FUTEX
    pthread_mutex_t mutex;
    pthread_cond_t changed;
#endif
} Gate;

enum { SPINS = 2000 };                 /* some tens of microseconds */
enum { IDLE, WORK, ASLEEP, STOP };     /* a worker's word */
#define SLEEPER 0x80000000u            /* in `left`: the caller sleeps */

typedef struct Worker {
    _Alignas(128) Gate state;          /* no two workers share a cache line */
    KrtPool *pool;
    int index;                         /* runs parts index, index + threads, ... */
    int woken;                         /* it slept when this job came */
    pthread_t thread;
} Worker;

struct KrtPool {
    _Alignas(128) Gate left;           /* workers that have not ended the job */
    _Alignas(128) atomic_flag busy;
    int threads, spins;
    int parts;                         /* the job */
    void (*fn)(void *arg, int part);
    void *arg;
    Worker *worker;                    /* [0] is the caller */
};

/* gate_wait sleeps while the word is `word`; gate_wake, after a change, wakes all. */
#ifdef KRT_FUTEX
static int gate_init(Gate *g, unsigned word) {
    atomic_init(&g->word, word);
    return 0;
}

static void gate_done(Gate *g) {
    (void)g;
}

static void gate_wait(Gate *g, unsigned word) {
    syscall(SYS_futex, &g->word, FUTEX_WAIT_PRIVATE, word, NULL, NULL, 0);
}

static void gate_wake(Gate *g) {
    syscall(SYS_futex, &g->word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
#else
static int gate_init(Gate *g, unsigned word) {
    atomic_init(&g->word, word);
    if (pthread_mutex_init(&g->mutex, NULL))
        return -1;
    if (!pthread_cond_init(&g->changed, NULL))
        return 0;
    pthread_mutex_destroy(&g->mutex);
    return -1;
}

static void gate_done(Gate *g) {
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->mutex);
}

static void gate_wait(Gate *g, unsigned word) {
    pthread_mutex_lock(&g->mutex);
    while (atomic_load_explicit(&g->word, memory_order_relaxed) == word)
        pthread_cond_wait(&g->changed, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
}

static void gate_wake(Gate *g) {
    pthread_mutex_lock(&g->mutex);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}
#endif

static void relax(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__ || defined __arm__
    __asm__ volatile("yield");
#endif
}

static void run_parts(const KrtPool *p, int index) {
    for (int64_t part = index; part < p->parts; part += p->threads)
        p->fn(p->arg, (int)part);
}

/* Waits for WORK or STOP. */
static unsigned next_state(Worker *w) {
    unsigned s = IDLE;
    for (int i = 0; i < w->pool->spins && s == IDLE; i++) {
        s = atomic_load_explicit(&w->state.word, memory_order_acquire);
        relax();
    }
    if (s == IDLE && atomic_compare_exchange_strong(&w->state.word, &s, ASLEEP))
        s = ASLEEP;
    while (s == ASLEEP) {
        gate_wait(&w->state, ASLEEP);
        s = atomic_load_explicit(&w->state.word, memory_order_acquire);
    }
    return s;
}

static void *work(void *arg) {
    Worker *w = arg;
    KrtPool *p = w->pool;
    while (next_state(w) == WORK) {
        run_parts(p, w->index);
        atomic_store_explicit(&w->state.word, IDLE, memory_order_relaxed);
        if (atomic_fetch_sub(&p->left.word, 1) == (SLEEPER | 1))
            gate_wake(&p->left);
    }
    return NULL;
}

/* Hands the word to workers 1..n-1: first to all, then those that sleep are called, which
 * takes a system call each. */
static void send(KrtPool *p, int n, unsigned word) {
    for (int i = 1; i < n; i++)
        p->worker[i].woken = atomic_exchange(&p->worker[i].state.word, word) == ASLEEP;
    for (int i = 1; i < n; i++)
        if (p->worker[i].woken)
            gate_wake(&p->worker[i].state);
}

static void wait_all(KrtPool *p) {
    unsigned left = 1;
    for (int i = 0; i <= p->spins && left; i++) {
        left = atomic_load_explicit(&p->left.word, memory_order_acquire);
        relax();
    }
    if (left)
        left = atomic_fetch_or(&p->left.word, SLEEPER) | SLEEPER;
    while (left & ~SLEEPER) {
        gate_wait(&p->left, left);
        left = atomic_load_explicit(&p->left.word, memory_order_acquire);
    }
}

void krt_parallel(void *pool, int parts, void (*fn)(void *arg, int part), void *arg) {
    KrtPool *p = pool;
    if (!p || p->threads < 2 || parts < 2 ||
        atomic_flag_test_and_set_explicit(&p->busy, memory_order_acquire)) {
        for (int i = 0; i < parts; i++)
            fn(arg, i);
        return;
    }
    const int n = parts < p->threads ? parts : p->threads;
    p->parts = parts;
    p->fn = fn;
    p->arg = arg;
    atomic_store_explicit(&p->left.word, (unsigned)n - 1, memory_order_relaxed);
    send(p, n, WORK);
    run_parts(p, 0);
    wait_all(p);
    atomic_flag_clear_explicit(&p->busy, memory_order_release);
}

/* Workers take no signals: handlers stay on the program's own threads. */
static int start(Worker *w) {
    sigset_t all, old;
    sigfillset(&all);
    if (gate_init(&w->state, IDLE))
        return -1;
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int code = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (code)
        gate_done(&w->state);
    return code;
}

static void *aligned_zeros(size_t bytes) {
    void *p;
    return posix_memalign(&p, 128, bytes) ? NULL : memset(p, 0, bytes);
}

KrtPool *krt_pool_new(int threads) {
    const int n = threads < 1 ? 1 : threads;
    KrtPool *p = aligned_zeros(sizeof *p);
    Worker *w = aligned_zeros((size_t)n * sizeof *w);
    if (!p || !w || gate_init(&p->left, 0)) {
        free(w);
        free(p);
        return NULL;
    }
    /* with more threads than processors a spinning one keeps another from its work */
    p->spins = n <= sysconf(_SC_NPROCESSORS_ONLN) ? SPINS : 0;
    p->worker = w;
    atomic_flag_clear(&p->busy);
    for (p->threads = 1; p->threads < n; p->threads++) {
        Worker *new = &w[p->threads];
        new->pool = p;
        new->index = p->threads;
        if (start(new)) {
            krt_pool_free(p);
            return NULL;
        }
    }
    return p;
}

void krt_pool_free(KrtPool *p) {
    if (!p)
        return;
    send(p, p->threads, STOP);
    for (int i = 1; i < p->threads; i++) {
        pthread_join(p->worker[i].thread, NULL);
        gate_done(&p->worker[i].state);
    }
    gate_done(&p->left);
    free(p->worker);
    free(p);
}

int krt_pool_threads(const KrtPool *p) {
    return p ? p->threads : 1;
}
