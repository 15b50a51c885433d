/* Datasets, splits and shuffling; what is said of data that do not fit. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/train_case.h"
#include "train/permutation.h"

#include <zlib.h>

static const char table[] =
    "kiln: 1\n"
    "data: {train: d.csv, target: kind}\n"
    "model:\n"
    "  inputs: {x: [2]}\n"
    "  layers: [linear: 3]\n"
    "train: {loss: cross_entropy}\n";

static const char pictures[] =
    "kiln: 1\n"
    "data: {train: {images: i.idx, labels: l.idx}}\n"
    "model:\n"
    "  inputs: {image: {shape: [1, 2, 2], dtype: u8}}\n"
    "  layers: [scale: {mul: 1/255}, flatten, linear: 3]\n"
    "train: {loss: cross_entropy}\n";

static const float *floats(const Dataset *d, int field) {
    return (const float *)(const void *)d->field[field].data;
}

static const int32_t *ints(const Dataset *d, int field) {
    return (const int32_t *)(const void *)d->field[field].data;
}

/* Opens the data of a model; its messages are `said`. */
static void fails(const char *model, const char *csv, const char *set, const char *said) {
    Folder *f = folder_open();
    Data data;
    folder_text(f, "d.csv", csv);
    Model *m = folder_model(f, model, set != NULL, &set);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_FALSE(data_open(f->arena, m, NULL, &data));
    UNIT_SAME(f->said.s, said);
    folder_close(f);
}

static void csv_columns(void) {
    Folder *f = folder_open();
    Data data;
    folder_text(f, "d.csv", "kind,b,name,a\n2,0.5,q,1\n0,-3,r,1e2\n");
    const char *set = "data.columns=[a, b, kind]";
    Model *m = folder_model(f, table, 1, &set);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_TRUE_FATAL(data_open(f->arena, m, NULL, &data));
    CU_ASSERT_EQUAL(data.train.n, 2);
    CU_ASSERT_EQUAL(data.valid.n, 0);
    const float expected[] = {1, 0.5f, 100, -3};
    CU_ASSERT_EQUAL(memcmp(floats(&data.file[0], 0), expected, sizeof expected), 0);
    CU_ASSERT_EQUAL(ints(&data.file[0], 1)[0], 2);
    CU_ASSERT_EQUAL(ints(&data.file[0], 1)[1], 0);

    DataFiles files = dataset_files(m, folder_file(f, "u.csv"));
    Vocabs vocab = {NULL, NULL};
    Dataset unlabelled;
    folder_text(f, "u.csv", "a,b\n7,8\n");
    CU_ASSERT_TRUE_FATAL(dataset_load(f->arena, m, &files, NULL, false, &vocab, &unlabelled));
    CU_ASSERT_EQUAL(unlabelled.nfield, 1);
    CU_ASSERT_EQUAL(floats(&unlabelled, 0)[1], 8);
    folder_close(f);
}

static void csv_errors(void) {
    fails(table, "a,b,kind\n1,2,0\n1,2,3\n", NULL,
          "d.csv:3:1: error: field 'kind': got 3, expected a whole number from 0 to 2 for label "
          "'target'\n    3 | 1,2,3\n      | ^\n");
    fails(table, "a,b,kind\n1,2,0.5\n", NULL,
          "d.csv:2:1: error: field 'kind': got 0.5, expected a whole number from 0 to 2 for label "
          "'target'\n    2 | 1,2,0.5\n      | ^\n");
    fails(table, "a,kind\n1,2\n", NULL,
          "d.csv: error: got 1 column besides the labels, expected 2 for input 'x' [2]\n");
    fails(table, "a,b,knd\n1,2,0\n", NULL,
          "m.yaml:2:15: error: 'd.csv' has no column 'kind'; did you mean 'knd'?\n"
          "    2 | data: {train: d.csv, target: kind}\n      |               ^\n");
    fails(table, "a,b,kind\n1,2,0\n", "data.target=[kind, b]",
          "d.csv: error: got 1 column besides the labels, expected 2 for input 'x' [2]\n");
    fails(table, "a,b,kind\n1,2,0\n", "data.valid=10%",
          "--set:1:12: error: data.valid: 10% of 1 examples leaves none to validate on\n"
          "    1 | data.valid=10%\n      |            ^\n");
}

static void files_errors(void) {
    Folder *f = folder_open();
    Data data;
    Model *m = folder_model(f, table, 0, NULL);
    CU_ASSERT_FALSE(data_open(f->arena, m, NULL, &data));
    UNIT_SAME(f->said.s, "m.yaml:2:15: error: cannot read 'd.csv': No such file or directory\n"
              "    2 | data: {train: d.csv, target: kind}\n      |               ^\n");
    folder_close(f);
}

static void put_gz(Folder *f, const char *to, const char *from) {
    size_t n;
    const char *s = folder_get(f, from, &n);
    gzFile gz = gzopen(folder_file(f, to), "wb");
    CU_ASSERT_EQUAL(gzwrite(gz, s, (unsigned)n), (int)n);
    CU_ASSERT_EQUAL(gzclose(gz), Z_OK);
}

static void idx_pair(void) {
    Folder *f = folder_open();
    Data data;
    static const uint8_t image[] = {0, 1, 2, 3, 4, 5, 6, 7, 252, 253, 254, 255};
    static const uint8_t label[] = {2, 0, 1};
    const char *set = "data.train={images: i.gz, labels: l.idx}";
    folder_idx(f, "i.idx", (const int[]){3, 2, 2, 0}, image);
    folder_idx(f, "l.idx", (const int[]){3, 0}, label);
    put_gz(f, "i.gz", "i.idx");
    Model *m = folder_model(f, pictures, 1, &set);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_TRUE_FATAL(data_open(f->arena, m, NULL, &data));
    CU_ASSERT_EQUAL(data.train.n, 3);
    CU_ASSERT_EQUAL(memcmp(data.file[0].field[0].data, image, sizeof image), 0);
    CU_ASSERT_EQUAL(ints(&data.file[0], 1)[0], 2);

    void **to = examples_buffers(f->arena, &data.file[0], 2);
    examples_copy(&data.train, (const int64_t[]){2, 0, 1}, 0, 2, 2, to);
    CU_ASSERT_EQUAL(memcmp(to[0], "\xfc\xfd\xfe\xff\0\1\2\3", 8), 0);
    CU_ASSERT_EQUAL(((int32_t *)to[1])[0], 1);
    folder_close(f);
}

static void idx_fails(const int *images, const int *labels, uint8_t top, const char *said) {
    Folder *f = folder_open();
    Data data;
    const uint8_t image[64] = {0}, label[4] = {0, top, 0, 0};
    folder_idx(f, "i.idx", images, image);
    folder_idx(f, "l.idx", labels, label);
    Model *m = folder_model(f, pictures, 0, NULL);
    CU_ASSERT_FALSE(data_open(f->arena, m, NULL, &data));
    UNIT_SAME(f->said.s, said);
    folder_close(f);
}

static void idx_errors(void) {
    idx_fails((const int[]){2, 2, 3, 0}, (const int[]){2, 0}, 0,
              "i.idx: error: got [2, 2, 3] of u8, expected [n, 1, 2, 2] for input 'image'\n"
              "m.yaml:4:12: note: 'image' is declared here\n"
              "    4 |   inputs: {image: {shape: [1, 2, 2], dtype: u8}}\n      |            ^\n");
    idx_fails((const int[]){2, 2, 2, 0}, (const int[]){3, 0}, 0,
              "l.idx: error: got 3 labels, expected 2, one for each example\n");
    idx_fails((const int[]){2, 2, 2, 0}, (const int[]){2, 0}, 3,
              "l.idx: error: example 1: got 3, expected a whole number from 0 to 2 for label "
              "'target'\n");
}

/* A table of n rows, the first column the row's number. */
static Data rows(Folder *f, int n, const char *valid, int seed) {
    Text t = {0};
    Data data;
    const char *set[] = {valid, arena_printf(f->arena, "train.seed=%d", seed)};
    text_printf(&t, "a,b,kind\n");
    for (int i = 0; i < n; i++)
        text_printf(&t, "%d,0,%d\n", i, i % 3);
    folder_text(f, "d.csv", t.s);
    text_free(&t);
    Model *m = folder_model(f, table, 2, set);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_TRUE_FATAL(data_open(f->arena, m, NULL, &data));
    return data;
}

static void last_rows(void) {
    Folder *f = folder_open();
    Data d = rows(f, 10, "data.valid=last 30%", 0);
    CU_ASSERT_EQUAL(d.valid.n, 3);
    CU_ASSERT_EQUAL(d.train.n, 7);
    for (int i = 0; i < 7; i++)
        CU_ASSERT_EQUAL(examples_row(&d.train, i), i);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(examples_row(&d.valid, i), 7 + i);
    folder_close(f);
}

static void random_rows(void) {
    Folder *f = folder_open();
    Data a = rows(f, 50, "data.valid=20%", 1), b = rows(f, 50, "data.valid=20%", 1);
    Data c = rows(f, 50, "data.valid=20%", 2);
    bool seen[50] = {false};
    CU_ASSERT_EQUAL_FATAL(a.valid.n, 10);
    CU_ASSERT_EQUAL_FATAL(a.train.n, 40);
    CU_ASSERT_EQUAL(memcmp(a.valid.row, b.valid.row, 10 * sizeof *a.valid.row), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(a.valid.row, c.valid.row, 10 * sizeof *a.valid.row), 0);
    for (int i = 0; i < 50; i++)
        seen[i < 10 ? a.valid.row[i] : a.train.row[i - 10]] = true;
    for (int i = 0; i < 50; i++)
        CU_ASSERT_TRUE(seen[i]);
    folder_close(f);
}

static void shuffled(void) {
    enum { N = 1000 };
    static int64_t a[N], b[N];
    static int count[N], first[8];
    examples_shuffle(a, N, 7, 3);
    examples_shuffle(b, N, 7, 3);
    CU_ASSERT_EQUAL(memcmp(a, b, sizeof a), 0);
    examples_shuffle(b, N, 7, 4);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof a), 0);
    examples_shuffle(b, N, 8, 3);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof a), 0);
    for (int i = 0; i < N; i++)
        count[a[i]]++;
    for (int i = 0; i < N; i++)
        CU_ASSERT_EQUAL(count[i], 1);
    for (int i = 0; i < 8000; i++) {
        examples_shuffle(b, 8, 1, i);
        first[b[0]]++;
    }
    for (int i = 0; i < 8; i++)        /* 1000 each, 5 deviations of 30 */
        CU_ASSERT_TRUE(first[i] > 850 && first[i] < 1150);
}

/* The known answers that come with Random123. */
static void known_answers(void) {
    static const struct { uint32_t counter[4], key[2], word[4]; } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        uint32_t word[4];
        philox(known[i].counter, known[i].key, word);
        CU_ASSERT_EQUAL(memcmp(word, known[i].word, sizeof word), 0);
    }
}

static const UnitTest tests[] = {
    {"csv_columns", csv_columns}, {"csv_errors", csv_errors}, {"files_errors", files_errors},
    {"idx_pair", idx_pair}, {"idx_errors", idx_errors}, {"last_rows", last_rows},
    {"random_rows", random_rows}, {"shuffled", shuffled}, {"known_answers", known_answers},
};

int main(void) { return unit_main("data", tests, COUNT(tests)); }
