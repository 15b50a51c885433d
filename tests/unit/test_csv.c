/* CSV: separators, headers, quotes and line ends; each error with its line and column. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/csv.h"
#include "tests/unit/format.h"

#include <locale.h>
#include <math.h>
#include <zlib.h>

static Csv got;                        /* by the last load */
static CsvOptions option;

static bool load(Case *c) {
    return csv_read(c->arena, c->loc, c->path, &option, &got);
}

static void open_as(Case *c, CsvOptions o) {
    case_open(c, "t.csv");
    option = o;
}

static bool accepts(Case *c, const char *text) {
    bool ok = case_try(c, load, text, strlen(text));
    if (!ok)
        printf("%s", c->said.s);
    return ok;
}

/* The table as text: names, then rows. */
static void gives(Case *c, const char *text, const char *expected) {
    Text t = {0};
    char buf[40];
    CU_ASSERT_TRUE_FATAL(accepts(c, text));
    for (int i = 0; i < got.ncolumn; i++)
        text_printf(&t, "%s%s", i ? "," : "", got.column[i]);
    CU_ASSERT_EQUAL(got.table.type.rank, 2);
    CU_ASSERT_EQUAL(got.table.type.dim[1].n, got.ncolumn);
    for (int64_t r = 0; r < got.table.type.dim[0].n; r++)
        for (int i = 0; i < got.ncolumn; i++) {
            int64_t k = r * got.ncolumn + i;
            text_printf(&t, "%s%s", i ? "," : " | ", got.table.type.dtype == F32
                        ? num_float(buf, ((float *)got.table.data)[k])
                        : num_double(buf, ((double *)got.table.data)[k]));
        }
    UNIT_SAME(t.s, expected);
    text_free(&t);
}

static void fails(Case *c, const char *text, const char *said) {
    case_fails(c, load, text, strlen(text), said);
}

static void separators(void) {
    Case c;
    open_as(&c, (CsvOptions){0});
    gives(&c, "a,b\n1,2\n3,4\n", "a,b | 1,2 | 3,4");
    gives(&c, "a;b\n1;2\n3;4\n", "a,b | 1,2 | 3,4");
    gives(&c, "a\tb\n1\t2\n3\t4\n", "a,b | 1,2 | 3,4");
    gives(&c, "a b\n1   2\n3 \t 4\n", "a,b | 1,2 | 3,4");
    gives(&c, "  1.5   -2.5e+00 \n -3 4\n", "c1,c2 | 1.5,-2.5 | -3,4");
    gives(&c, "a\n1\n2\n", "a | 1 | 2");
    gives(&c, " a , b \n 1 ,\t2 \n", "a,b | 1,2");
    gives(&c, "a b\tc\n1\t2\n", "a b,c | 1,2");
    gives(&c, "\"a;x\",b\n1,2\n", "a;x,b | 1,2");
    gives(&c, "3,4", "c1,c2 | 3,4");
    option.separator = ',';
    gives(&c, "a;b\n1\n", "a;b | 1");
    case_close(&c);
}

static void line_ends(void) {
    Case c;
    open_as(&c, (CsvOptions){0});
    gives(&c, "a,b\r\n1,2\r\n", "a,b | 1,2");
    gives(&c, "a,b\r1,2\r", "a,b | 1,2");
    gives(&c, "\xef\xbb\xbf" "a,b\n1,2", "a,b | 1,2");
    gives(&c, "\n\na,b\n\n1,2\n  \n\n3,4\n\n", "a,b | 1,2 | 3,4");
    CU_ASSERT_EQUAL(got.line[0], 5);
    CU_ASSERT_EQUAL(got.line[1], 8);
    gives(&c, "\"a\nb\",\"c\"\n\"1\",2\n", "a\nb,c | 1,2");
    CU_ASSERT_EQUAL(got.line[0], 3);
    case_close(&c);
}

static void headers(void) {
    Case c;
    open_as(&c, (CsvOptions){0});
    gives(&c, "\"say \"\"x\"\"\", \"b\" ,c\n1,2,3\n", "say \"x\",b,c | 1,2,3");
    gives(&c, ",x,\n0,1,2\n", "c1,x,c3 | 0,1,2");
    gives(&c, "-1,2\n3,4\n", "c1,c2 | -1,2 | 3,4");
    fails(&c, "a,b,a\n1,2,3\n",
          "t.csv:1:5: error: two columns have the name 'a'\n    1 | a,b,a\n      |     "
          "^\n");
    option.header = CSV_HEADER;
    gives(&c, "1990,1991\n1,2\n", "1990,1991 | 1,2");
    option.header = CSV_NO_HEADER;
    fails(
        &c, "a,2\n",
        "t.csv:1:1: error: field 'c1': got 'a', expected a number\n"
        "    1 | a,2\n      | ^\n"
        "t.csv:1: note: this line is taken for a record; `skip: 1` would leave it out\n"
        "    1 | a,2\n");
    case_close(&c);
}

/* As scikit-learn's iris.csv begins. */
static void skipped(void) {
    Case c;
    open_as(&c, (CsvOptions){.skip = 1});
    gives(&c,
          "150,4,setosa,versicolor,virginica\n5.1,3.5,1.4,0.2,0\n4.9,3.0,1.4,0.2,0\n",
          "c1,c2,c3,c4,c5 | 5.1,3.5,1.4,0.2,0 | 4.9,3,1.4,0.2,0");
    CU_ASSERT_EQUAL(got.line[0], 2);
    fails(&c, "1,2\n3,4\n5,x\n", "t.csv:3:3: error: field 'c2': got 'x', expected a "
          "number\n    3 | 5,x\n      |   ^\n");
    fails(&c, "1,2\n", "t.csv: error: there are no records behind the lines skipped\n");
    option.skip = 2;
    gives(&c, "506,13,,\n\"one \" quote\r\nx,y\n1,2\n", "x,y | 1,2");
    option.skip = 0;
    fails(
        &c, "150,4,setosa\n5.1,3.5,1.4\n",
        "t.csv:1:7: error: field 'c3': got 'setosa', expected a number\n"
        "    1 | 150,4,setosa\n      |       ^\n"
        "t.csv:1: note: this line is taken for a record; `skip: 1` would leave it out\n"
        "    1 | 150,4,setosa\n");
    case_close(&c);
}

static void columns(void) {
    static const char text[] = "date,temp,wind,weather\n2012-01-01,12.8,4.7,rain\n"
                               "2012-01-02,10.6,4.5,sun\n";
    Case c;
    open_as(&c, (CsvOptions){.ncolumn = 2, .column = (const char *[]){"wind", "temp"}});
    gives(&c, text, "wind,temp | 4.7,12.8 | 4.5,10.6");
    option.column = (const char *[]){"wind", "tmp"};
    fails(&c, text, "error: 't.csv' has no column 'tmp'; did you mean 'temp'?\n");
    option.column = (const char *[]){"c2", "c2"};
    gives(&c, "1,2\n3,4\n", "c2,c2 | 2,2 | 4,4");
    case_close(&c);
}

static void numbers(void) {
    Case c;
    open_as(&c, (CsvOptions){.dtype = F64});
    gives(&c, "0.1,-.5,5.,+7,1e-3,1E+2,007\n",
          "c1,c2,c3,c4,c5,c6,c7 | 0.1,-0.5,5,7,0.001,100,7");
    gives(&c, "123456789012345,0.123456789012345,12345678901234567890\n",
          "c1,c2,c3 | 123456789012345,0.123456789012345,1.2345678901234567e19");
    CU_ASSERT_TRUE(accepts(&c, "-0,2.2250738585072014e-308\n"));
    CU_ASSERT_TRUE(signbit(((double *)got.table.data)[0]));
    CU_ASSERT_EQUAL(((double *)got.table.data)[1], 0x1p-1022);
    fails(&c, "x\n1e999\n",
          "t.csv:2:1: error: field 'x': got '1e999', expected a number\n"
          "    2 | 1e999\n      | ^\n");
    fails(&c, "x\ninf\n", "t.csv:2:1: error: field 'x': got 'inf', expected a number\n"
          "    2 | inf\n      | ^\n");
    static const char *const bad[] = {"1e", "--1", "0x10", "1_000", "1.2.3",   ".",
                                      "-",  "1 2", "5%",   "1e5.5", "\xd9\xa1"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char text[64];
        int n = snprintf(text, sizeof text, "x,y\n1,%s\n", bad[i]);
        CU_ASSERT_FALSE(case_try(&c, load, text, (size_t)n));
    }
    option.dtype = F32;
    CU_ASSERT_TRUE(accepts(&c, "3.4e38,1e-50\n"));
    fails(&c, "a,b\n3.4e39,1\n",
          "t.csv:2:1: error: field 'a': 3.4e39 is too large for f32\n"
          "    2 | 3.4e39,1\n      | ^\n");
    case_close(&c);
}

/* Against strtod, in the ten thousands. */
static void exact_numbers(void) {
    Case c;
    Text t = {0};
    uint64_t s = 88172645463325252;
    open_as(&c, (CsvOptions){.dtype = F64, .header = CSV_NO_HEADER});
    for (int i = 0; i < 20000; i++) {
        s ^= s << 13, s ^= s >> 7, s ^= s << 17;
        text_printf(&t, "%s%.*f\n", s & 1 ? "-" : "", (int)(s >> 8 & 15),
                    (double)(s >> 20) / (double)(1 << (s >> 2 & 31) % 31));
    }
    CU_ASSERT_TRUE_FATAL(accepts(&c, t.s));
    CU_ASSERT_EQUAL(got.table.type.dim[0].n, 20000);
    char *p = t.s;
    int wrong = 0;
    for (int i = 0; i < 20000; i++)
        wrong += strtod(p, &p) != ((double *)got.table.data)[i];
    CU_ASSERT_EQUAL(wrong, 0);
    text_free(&t);
    case_close(&c);
}

/* A decimal comma in the environment changes nothing. */
static void locales(void) {
    static const char *const name[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "pl_PL.UTF-8"};
    Case c;
    open_as(&c, (CsvOptions){0});
    for (size_t i = 0; i < COUNT(name); i++) {
        if (!setlocale(LC_ALL, name[i]))
            printf("(no locale %s) ", name[i]);
        gives(&c, "1.5,2.25e1,0.12345678901234567\n", "c1,c2,c3 | 1.5,22.5,0.12345679");
    }
    setlocale(LC_ALL, "C");
    case_close(&c);
}

static void bad_records(void) {
    Case c;
    open_as(&c, (CsvOptions){0});
    fails(&c, "a,b,c\n1,2,3\n4,5\n",
          "t.csv:3:4: error: got 2 fields, expected 3 as in line 1\n"
          "    3 | 4,5\n      |    ^\n");
    fails(&c, "a,b\n1,2,3,4\n",
          "t.csv:2:5: error: got 4 fields, expected 2 as in line 1\n"
          "    2 | 1,2,3,4\n      |     ^\n");
    fails(&c, "temp,load\n1,\n",
          "t.csv:2:3: error: field 'load' has no value, expected a "
          "number\n    2 | 1,\n      |   ^\n");
    fails(&c, "\xc3\xa9\xc3\xa9;b\n1;\xc3\xa9 NA\n",
          "t.csv:2:3: error: field 'b': got '\xc3\xa9 NA', expected a number\n"
          "    2 | 1;\xc3\xa9 NA\n      |   ^\n");
    fails(&c, "a,b\n\"1\"x,2\n",
          "t.csv:2:4: error: got 'x' behind a closing quote, expected "
          "the end of the field\n    2 | \"1\"x,2\n      |    ^\n");
    fails(&c, "a,b\n1,\"2\n3,4\n",
          "t.csv:2:3: error: a quote is opened and never closed\n"
          "    2 | 1,\"2\n      |   ^\n");
    fails(&c, "a,b\n1,\"x\"\n",
          "t.csv:2:3: error: field 'b': got 'x', expected a number\n"
          "    2 | 1,\"x\"\n      |   ^\n");
    fails(&c, "a,b\n1,NaN\n2,null\n",
          "t.csv:2:3: error: field 'b' has no value, expected a number\n"
          "    2 | 1,NaN\n      |   ^\n"
          "t.csv:3:3: error: field 'b' has no value, expected a number\n"
          "    3 | 2,null\n      |   ^\n");
    fails(&c, "", "t.csv: error: there are no records in it\n");
    fails(&c, "\n \n", "t.csv: error: there are no records in it\n");
    fails(&c, "a,b\n", "t.csv: error: there are no records in it\n");
    case_fails(&c, load, "\xff\xfe" "1\0", 4,
               "t.csv: error: got UTF-16 text, expected UTF-8\n");
    CU_ASSERT_FALSE(case_try(&c, load, "1,2\n1,\0002\n", 9));
    case_close(&c);
}

/* The line that the format shows; and no more than 20 errors. */
static void far_down(void) {
    Case c;
    Text t = {0};
    open_as(&c, (CsvOptions){0});
    text_printf(&t, "a,b,c\n");
    for (int i = 2; i < 812; i++)
        text_printf(&t, "%d,2,3\n", i);
    text_printf(&t, "812.5,oops,3\n");
    fails(&c, t.s, "t.csv:812:7: error: field 'b': got 'oops', expected a number\n"
          "  812 | 812.5,oops,3\n      |       ^\n");
    for (int i = 0; i < 5000; i++)
        text_printf(&t, "1\n,,,,,,\n");
    CU_ASSERT_FALSE(case_try(&c, load, t.s, t.n));
    CU_ASSERT_EQUAL(diag_errors(c.diag), 20);
    text_free(&t);
    case_close(&c);
}

/* Many short records among few long ones: memory follows the file's size. */
static void uneven(void) {
    Case c;
    Text t = {0};
    open_as(&c, (CsvOptions){0});
    for (int i = 0; i < 5000; i++)
        text_printf(&t, "%s1", i ? "," : "");
    for (int i = 0; i < 200000; i++)
        text_printf(&t, "\n");
    for (int i = 0; i < 5000; i++)
        text_printf(&t, "%s2", i ? "," : "");
    CU_ASSERT_TRUE_FATAL(accepts(&c, t.s));
    CU_ASSERT_EQUAL(got.table.type.dim[0].n, 2);
    CU_ASSERT_EQUAL(((float *)got.table.data)[9999], 2);
    CU_ASSERT_TRUE(arena_size(c.arena) < 40 * t.n);
    text_free(&t);
    case_close(&c);
}

static void packed(void) {
    Case c;
    open_as(&c, (CsvOptions){0});
    gzFile f = gzopen(c.path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    gzputs(f, "a,b\n1,2\n3,x\n");
    CU_ASSERT_EQUAL(gzclose(f), Z_OK);
    CU_ASSERT_FALSE(load(&c));
    UNIT_SAME(c.said.s, "t.csv:3:3: error: field 'b': got 'x', expected a number\n"
              "    3 | 3,x\n      |   ^\n");
    case_close(&c);
}

static void damage(void) {
    static const char text[] = "a,\"b\"\"c\"\r\n1,\"2\"\r\n-3.25,4e1\r\n";
    Case c;
    open_as(&c, (CsvOptions){0});
    CU_ASSERT_TRUE(accepts(&c, text));
    case_truncate(&c, load, text, sizeof text - 1);
    case_flip(&c, load, text, sizeof text - 1);
    case_close(&c);
}

int main(void) {
    static const UnitTest test[] = {
        {"separators", separators},   {"line ends", line_ends}, {"headers", headers},
        {"skipped", skipped},         {"columns", columns},     {"numbers", numbers},
        {"exact numbers", exact_numbers},
        {"locales", locales},         {"bad records", bad_records},
        {"far down", far_down},       {"uneven", uneven},       {"packed", packed},
        {"damage", damage},
    };
    return unit_main("csv", test, COUNT(test));
}
