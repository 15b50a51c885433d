/* Windows of tables, texts and tagged sentences: what an example holds, that no row is in
 * both parts, vocabularies, and what is said of files that do not fit. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/train_case.h"

static const char forecast[] =
    "kiln: 1\n"
    "data: {train: d.csv, columns: [a, b], window: {past: 3, future: 2, of: b}}\n"
    "model:\n"
    "  inputs: {past: [3, 2]}\n"
    "  layers: [standardize, flatten, linear: {units: 2, name: out}]\n"
    "train: {loss: mse}\n";

static const char letters[] =
    "kiln: 1\n"
    "data: {train: {text: d.txt}}\n"
    "model:\n"
    "  inputs: {t: {shape: [4], dtype: i32}}\n"
    "  layers: [embedding: {size: 5, dim: 3}, linear: {units: 5, name: next}]\n"
    "train: {loss: cross_entropy, metrics: [accuracy], batch: 4, steps: 12}\n";

static const char tagger[] =
    "kiln: 1\n"
    "data: {train: {tagged: d.txt}}\n"
    "model:\n"
    "  inputs: {words: {shape: [3], dtype: i32}}\n"
    "  layers: [embedding: {size: 6, dim: 3}, linear: {units: 3, name: tag}]\n"
    "train: {loss: {cross_entropy: {ignore_index: -1}}}\n";

static const Data *open_data(Folder *f, const char *text, int nset, const char *const *set) {
    Data *data = NEW(f->arena, 1, Data);
    Model *m = folder_model(f, text, nset, set);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    bool ok = data_open(f->arena, m, NULL, data);
    if (!ok)
        printf("%s", f->said.s);
    CU_ASSERT_TRUE_FATAL(ok);
    return data;
}

static void fails(const char *model, const char *file, const char *text, const char *set,
                  const char *said) {
    Folder *f = folder_open();
    Data data;
    folder_text(f, file, text);
    Model *m = folder_model(f, model, set != NULL, &set);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_FALSE(data_open(f->arena, m, NULL, &data));
    if (!f->said.n || !strstr(f->said.s, said))
        printf("expected '%s', got '%s'\n", said, f->said.n ? f->said.s : "");
    CU_ASSERT_PTR_NOT_NULL(f->said.n ? strstr(f->said.s, said) : NULL);
    folder_close(f);
}

/* Rows i of a = i, b = 100 + i. */
static void put_rows(Folder *f, int n) {
    Text t = {0};
    text_printf(&t, "time,b,a\n");
    for (int i = 0; i < n; i++)
        text_printf(&t, "monday,%d,%d\n", 100 + i, i);
    folder_text(f, "d.csv", t.s);
    text_free(&t);
}

static void **example(Folder *f, const Examples *e, int64_t k) {
    void **to = examples_buffers(f->arena, e->set, 1);
    examples_copy(e, &k, 0, 1, e->set->nfield, to);
    return to;
}

/* Example k of the part begins at row `from`. */
static void window_is(Folder *f, const Examples *e, int64_t k, int from) {
    const float *x = example(f, e, k)[0], *y = example(f, e, k)[1];
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(x[2 * i], (float)(from + i));
        CU_ASSERT_EQUAL(x[2 * i + 1], (float)(100 + from + i));
    }
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(y[i], (float)(103 + from + i));
}

static void windows(void) {
    Folder *f = folder_open();
    put_rows(f, 20);
    const Data *d = open_data(f, forecast, 0, NULL);
    CU_ASSERT_EQUAL(d->train.n, 16);
    window_is(f, &d->train, 0, 0);
    window_is(f, &d->train, 15, 15);
    CU_ASSERT_EQUAL(d->file[0].field[0].stride, 2 * 4);     /* one array, no copies */
    const char *set[] = {"data.valid=last 40%", "data.window.stride=2"};
    d = open_data(f, forecast, 2, set);
    CU_ASSERT_EQUAL(d->train.n, 4);     /* 0 2 4 6: ends before row 12 */
    CU_ASSERT_EQUAL(d->valid.n, 2);     /* 12 14 */
    window_is(f, &d->train, 3, 6);
    window_is(f, &d->valid, 0, 12);
    window_is(f, &d->valid, 1, 14);
    folder_close(f);
}

static void windows_by_lot(void) {
    Folder *f = folder_open();
    put_rows(f, 50);
    const char *set[] = {"data.valid=20%", "data.window.stride=5"};
    const Data *d = open_data(f, forecast, 2, set);
    bool seen[50] = {false};
    CU_ASSERT_EQUAL(d->valid.n, 2);
    CU_ASSERT_EQUAL_FATAL(d->train.n, 8);
    for (int i = 0; i < 10; i++)
        seen[i < 2 ? examples_row(&d->valid, i) : examples_row(&d->train, i - 2)] = true;
    for (int i = 0; i < 50; i++)
        CU_ASSERT_EQUAL(seen[i], i % 5 == 0);
    folder_close(f);
}

/* Prediction reads windows of the past alone, so the last one ends with the file. */
static void windows_unlabelled(void) {
    Folder *f = folder_open();
    Vocabs vocab = {NULL, NULL};
    Dataset set;
    put_rows(f, 5);
    Model *m = folder_model(f, forecast, 0, NULL);
    DataFiles files = dataset_files(m, folder_file(f, "d.csv"));
    CU_ASSERT_TRUE_FATAL(dataset_load(f->arena, m, &files, NULL, false, &vocab, &set));
    CU_ASSERT_EQUAL(examples_all(&set).n, 3);
    folder_close(f);
}

static void two_targets(void) {
    Folder *f = folder_open();
    put_rows(f, 10);
    const char *set[] = {"data.window.of=[b, a]", "data.columns=[a, b]",
                         "model.layers.2.linear.units=4"};
    const Data *d = open_data(f, forecast, 3, set);
    const float *y = example(f, &d->train, 1)[1];
    const float expected[] = {104, 4, 105, 5};
    CU_ASSERT_EQUAL(memcmp(y, expected, sizeof expected), 0);
    folder_close(f);
}

/* A label for each row of the window. */
static void rows_ahead(void) {
    Folder *f = folder_open();
    put_rows(f, 12);
    const char *set[] = {"data.window={past: 3, ahead: 4, of: b}",
                         "model.layers=[linear: {units: 1, name: out}]"};
    const Data *d = open_data(f, forecast, 2, set);
    CU_ASSERT_EQUAL(d->train.n, 6);
    const float *y = example(f, &d->train, 5)[1];
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(y[i], (float)(109 + i));
    folder_close(f);
}

static void window_errors(void) {
    fails(forecast, "d.csv", "a,b\n1,2\n3,4\n5,6\n7,8\n", NULL,
          "d.csv: error: got 4 rows, expected 5 or more: a window is 3 and the 2 behind them");
    fails(forecast, "d.csv", "a,c\n1,2\n", NULL, "error: 'd.csv' has no column 'b'");
    fails(forecast, "d.csv", "a,b\n1,2\n", "data.window.of=c", "error: 'd.csv' has no column 'c'");
    fails(forecast, "d.csv", "a,b\n1,2\n", "data.window.past=4",
          "error: data.window.past: 4 rows of 2 columns fill [4, 2], input 'past' is [3, 2]");
    fails(forecast, "d.csv", "a,b\n1,2\n", "data.window.future=1",
          "error: data.window.future: 1 row of 1 column fill [1, 1], label 'target' is [2]");
    fails(forecast, "d.csv", "a,b\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n", "data.valid=50%",
          "write 'last 50%'");
    fails(forecast, "d.csv", "a,b\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n", "data.valid=last 50%",
          "data.valid: 50% of 7 rows leaves none to train on: an example takes 5 in turn");
}

static const int32_t *numbers(void *p) { return p; }

static void text_windows(void) {
    Folder *f = folder_open();
    folder_text(f, "d.txt", "abcd\nabcd\nabcd\nabcd\n");
    const Data *d = open_data(f, letters, 0, NULL);
    CU_ASSERT_EQUAL(d->vocab.tokens->n, 5);
    CU_ASSERT_EQUAL(d->train.n, 16);    /* every token begins an example */
    void **x = example(f, &d->train, 2);
    const int32_t in[] = {3, 4, 0, 1}, out[] = {4, 0, 1, 2};
    CU_ASSERT_EQUAL(memcmp(x[0], in, sizeof in), 0);
    CU_ASSERT_EQUAL(memcmp(x[1], out, sizeof out), 0);
    CU_ASSERT_PTR_EQUAL(d->file[0].field[0].data + 4, d->file[0].field[1].data);

    const char *set[] = {"data.valid=last 50%", "data.shuffle=false"};
    d = open_data(f, letters, 2, set);
    CU_ASSERT_EQUAL(d->train.n, 2);     /* one behind the other: 0, 4 */
    CU_ASSERT_EQUAL(d->valid.n, 2);     /* 10, 14 */
    CU_ASSERT_EQUAL(examples_row(&d->train, 1), 4);
    CU_ASSERT_EQUAL(examples_row(&d->valid, 1), 14);
    folder_close(f);
}

/* A network that judges only the token behind the window; bytes; a vocabulary of a run. */
static void text_kinds(void) {
    Folder *f = folder_open();
    folder_text(f, "d.txt", "na\xc3\xafve caf\xc3\xa9\n");
    const char *set[] = {"model.layers=[{embedding: {size: 300, dim: 2}}, flatten, "
                         "{linear: {units: 300, name: next}}]", "data.train.tokens=bytes"};
    const Data *d = open_data(f, letters, 1, set);
    CU_ASSERT_EQUAL(d->vocab.tokens->n, 10);
    CU_ASSERT_EQUAL(d->file[0].rows, 11);
    CU_ASSERT_EQUAL(numbers(example(f, &d->train, 0)[1])[0],
                    vocab_find(d->vocab.tokens, "e", 1));
    CU_ASSERT_EQUAL(vocab_find(d->vocab.tokens, "\xc3\xaf", 2), 9);
    Model *m = folder_model(f, letters, 1, set);
    Vocabs back;
    CU_ASSERT_TRUE(data_write_vocabs(m, &d->vocab, f->path));
    CU_ASSERT_TRUE_FATAL(data_read_vocabs(f->arena, m, f->path, &back));
    CU_ASSERT_EQUAL_FATAL(back.tokens->n, 10);
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(vocab_find(back.tokens, d->vocab.tokens->token[i].s,
                                   d->vocab.tokens->token[i].n), i);
    CU_ASSERT_PTR_NULL(back.tags);

    d = open_data(f, letters, 2, set);
    CU_ASSERT_EQUAL(d->file[0].rows, 13);
    CU_ASSERT_EQUAL(numbers(example(f, &d->train, 0)[0])[2], 0xc3);
    folder_close(f);
}

static void text_errors(void) {
    fails(letters, "d.txt", "", NULL, "d.txt: error: there is no text in it");
    fails(letters, "d.txt", "abca", NULL, "d.txt: error: got 4 tokens, expected 5 or more");
    fails(letters, "d.txt", "abcdefg", NULL,
          "'d.txt' has 7 different characters, but input 't' takes numbers below 5: its "
          "embedding needs a size of 7");
    fails(letters, "d.txt", "abcdefg", "model.layers.0.embedding.size=7",
          "7 different characters, but the output that 'target' judges has 5 classes");
    fails(letters, "d.txt", "ab\nc\xff\n", NULL,
          "d.txt:2:2: error: byte 0xff is no part of UTF-8 text; `tokens: bytes` takes any file");

    Folder *f = folder_open();
    const char *set = "data.valid={text: v.txt}";
    Data data;
    folder_text(f, "d.txt", "abcdabcd");
    folder_text(f, "v.txt", "abcd\nabxd");
    CU_ASSERT_FALSE(data_open(f->arena, folder_model(f, letters, 1, &set), NULL, &data));
    CU_ASSERT_PTR_NOT_NULL(strstr(f->said.s, "v.txt:1:5: error: the byte 0x0a is not among the 4"));
    CU_ASSERT_PTR_NOT_NULL(strstr(f->said.s, "v.txt:2:3: error: 'x' is not among the 4"));
    folder_close(f);
}

static const char sentences[] =
    "the/at dog/nn runs/vb\n\n"
    "the/at 1/2/nn dog/nn runs/vb\n"
    "a/at dog/nn\n";

static void tagged(void) {
    Folder *f = folder_open();
    folder_text(f, "d.txt", sentences);
    const Data *d = open_data(f, tagger, 0, NULL);
    const Vocab *w = d->vocab.tokens, *t = d->vocab.tags;
    CU_ASSERT_EQUAL(w->n, 5);          /* two special, dog, runs, the */
    CU_ASSERT_EQUAL(vocab_find(w, "dog", 3), 2);
    CU_ASSERT_EQUAL(vocab_find(w, "runs", 4), 3);
    CU_ASSERT_EQUAL(vocab_find(w, "1/2", 3), -1);
    CU_ASSERT_EQUAL(vocab_find(t, "nn", 2), 0);
    CU_ASSERT_EQUAL_FATAL(d->train.n, 4);
    const int32_t word[4][3] = {{4, 2, 3}, {4, WORD_UNKNOWN, 2}, {3, WORD_PAD, WORD_PAD},
                                {WORD_UNKNOWN, 2, WORD_PAD}};
    const int32_t tag[4][3] = {{1, 0, 2}, {1, 0, 0}, {2, -1, -1}, {1, 0, -1}};
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(memcmp(example(f, &d->train, i)[0], word[i], sizeof word[i]), 0);
        CU_ASSERT_EQUAL(memcmp(example(f, &d->train, i)[1], tag[i], sizeof tag[i]), 0);
    }

    Dataset set;
    Vocabs vocab = d->vocab;
    Model *m = folder_model(f, tagger, 0, NULL);
    folder_text(f, "p.txt", "a dog 1/2\n");
    DataFiles files = dataset_files(m, folder_file(f, "p.txt"));
    CU_ASSERT_TRUE_FATAL(dataset_load(f->arena, m, &files, NULL, false, &vocab, &set));
    CU_ASSERT_EQUAL(set.rows, 1);
    CU_ASSERT_EQUAL(memcmp(set.field[0].data, ((int32_t[]){1, 2, 1}), 12), 0);
    folder_close(f);
}

static void tagged_lengths(void) {
    Folder *f = folder_open();
    const char *set[] = {
        "model.inputs={words: {shape: [3], dtype: i32}, length: {shape: [1], dtype: i32}}",
        "model.layers=[{embedding: {from: words, size: 6, dim: 3, name: e}}, {linear: {units: 3, "
        "name: tag}}, {cast_f32: {from: length, name: n}}]",
        "model.outputs={tag: tag, n: n}", "train.loss={cross_entropy: {of: tag, ignore_index: -1}}"};
    folder_text(f, "d.txt", sentences);
    const Data *d = open_data(f, tagger, 4, set);
    const int32_t length[] = {3, 3, 1, 2};
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(numbers(example(f, &d->train, i)[1])[0], length[i]);
    folder_close(f);
}

static void tagged_errors(void) {
    fails(tagger, "d.txt", "the/at\n", "train.loss=cross_entropy",
          "tagged sentences need labels that do not count");
    fails(tagger, "d.txt", "\n \n", NULL, "d.txt: error: there are no words in it");
    fails(tagger, "d.txt", "the/at\n dog runs/vb\n", NULL,
          "d.txt:2:2: error: got 'dog', expected a word, a slash and its tag");
    fails(tagger, "d.txt", "the/at /nn\n", NULL, "d.txt:1:8: error: got '/nn', expected a word");
    fails(tagger, "d.txt", "the/at dog/\n", NULL, "d.txt:1:8: error: got 'dog/', expected a word");
    fails(tagger, "d.txt", "a/b c/d e/f g/h", NULL,
          "'d.txt' has 4 different tags, but the output that 'target' judges has 3 classes");
    fails(tagger, "d.txt", "a/x b/x c/x d/x e/x", "data.words.min_count=1",
          "'d.txt' has 7 words that come 1 times or more, but input 'words' takes numbers below "
          "6");
}

static const UnitTest tests[] = {
    {"windows", windows}, {"windows_by_lot", windows_by_lot},
    {"windows_unlabelled", windows_unlabelled}, {"two_targets", two_targets}, {"rows_ahead", rows_ahead},
    {"window_errors", window_errors}, {"text_windows", text_windows},
    {"text_kinds", text_kinds}, {"text_errors", text_errors}, {"tagged", tagged},
    {"tagged_lengths", tagged_lengths}, {"tagged_errors", tagged_errors},
};

int main(void) { return unit_main("sequences", tests, COUNT(tests)); }
