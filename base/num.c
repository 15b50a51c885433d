/* Numbers to decimal text and back, the same in every locale. A locale only changes the
 * decimal point, so strtod and printf are given and asked for digits without one. */
#include "base/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* |x| = digits * 10^exp */
typedef struct Decimal {
    uint64_t digits;
    int exp;
} Decimal;

static double decimal_value(Decimal d) {
    char s[48];
    snprintf(s, sizeof s, "%llue%d", (unsigned long long)d.digits, d.exp);
    return strtod(s, NULL);
}

static float decimal_valuef(Decimal d) {
    char s[48];
    snprintf(s, sizeof s, "%llue%d", (unsigned long long)d.digits, d.exp);
    return strtof(s, NULL);
}

/* x > 0, rounded to n significant digits. */
static Decimal decimal_round(double x, int n) {
    char s[64];
    snprintf(s, sizeof s, "%.*e", n - 1, x);
    Decimal d = {0, 0};
    const char *p = s;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            d.digits = d.digits * 10 + (uint64_t)(*p - '0');
    d.exp = (int)strtol(p + 1, NULL, 10) - (n - 1);
    return d;
}

/* The fewest digits that read back as x. Just below a power of two the gap is half that
 * above, so where the nearest n digits fail, the next larger ones may still do. */
static Decimal decimal_shortest(double x, bool single) {
    for (int n = 1; n < 17; n++) {
        Decimal d = decimal_round(x, n);
        for (int up = 0; up < 2; up++, d.digits++)
            if (single ? decimal_valuef(d) == (float)x : decimal_value(d) == x)
                return d;
    }
    return decimal_round(x, 17);
}

static char *print_shortest(char buf[40], double x, bool single) {
    const char *sign = signbit(x) ? "-" : "";
    if (isnan(x))
        return strcpy(buf, "nan");
    if (isinf(x) || x == 0) {
        snprintf(buf, 40, "%s%s", sign, x == 0 ? "0" : "inf");
        return buf;
    }
    Decimal d = decimal_shortest(fabs(x), single);
    for (; d.digits % 10 == 0; d.digits /= 10)
        d.exp++;
    char s[24];
    int n = snprintf(s, sizeof s, "%llu", (unsigned long long)d.digits);
    int point = n + d.exp;             /* digits before the decimal point */
    if (point > 16 || point < -3)
        snprintf(buf, 40, "%s%.1s%s%se%d", sign, s, n > 1 ? "." : "", s + 1, point - 1);
    else if (point <= 0)
        snprintf(buf, 40, "%s0.%.*s%s", sign, -point, "000", s);
    else if (point < n)
        snprintf(buf, 40, "%s%.*s.%s", sign, point, s, s + point);
    else
        snprintf(buf, 40, "%s%s%.*s", sign, s, point - n, "000000000000000");
    return buf;
}

char *num_double(char buf[40], double x) {
    return print_shortest(buf, x, false);
}

char *num_float(char buf[40], float x) {
    return print_shortest(buf, (double)x, true);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* More digits than any double's halfway point has; what follows only counts as "more". */
enum { MAX_DIGITS = 800, MAX_EXP = 100000 };

typedef struct Scan {
    const char *p, *end;               /* what is left */
    char out[MAX_DIGITS + 24];         /* significant digits, then e<exp> */
    int n, seen, exp;                  /* digits kept, digits read, exponent */
} Scan;

static void scan_digits(Scan *s, bool after_point) {
    for (; s->p < s->end && is_digit(*s->p); s->p++) {
        s->seen = 1;
        bool keep = s->n < MAX_DIGITS && (s->n || *s->p != '0');
        if (keep)
            s->out[s->n++] = *s->p;
        else if (s->n && *s->p != '0' && s->out[MAX_DIGITS - 1] == '0')
            s->out[MAX_DIGITS - 1] = '1';
        bool dropped = !keep && s->n;
        if (after_point && !dropped && s->exp > -MAX_EXP * 10)
            s->exp--;
        if (!after_point && dropped && s->exp < MAX_EXP * 10)
            s->exp++;
    }
}

static bool scan_exponent(Scan *s) {
    if (s->p == s->end || (*s->p != 'e' && *s->p != 'E'))
        return true;
    s->p++;
    bool minus = s->p < s->end && *s->p == '-';
    if (s->p < s->end && (*s->p == '-' || *s->p == '+'))
        s->p++;
    if (s->p == s->end)
        return false;
    int e = 0;
    for (; s->p < s->end && is_digit(*s->p); s->p++)
        e = e < MAX_EXP ? e * 10 + (*s->p - '0') : e;
    s->exp += minus ? -e : e;
    return true;
}

static bool parse_word(const char *p, size_t n, double *x) {
    if (n != 3 || (memcmp(p, "inf", 3) && memcmp(p, "nan", 3)))
        return false;
    *x = *p == 'i' ? (double)INFINITY : (double)NAN;
    return true;
}

bool num_parse(const char *s, size_t n, double *x) {
    if (!n)
        return false;
    bool minus = *s == '-';
    Scan c = {.p = s + (minus || *s == '+'), .end = s + n};
    double v;
    if (!parse_word(c.p, (size_t)(c.end - c.p), &v)) {
        scan_digits(&c, false);
        if (c.p < c.end && *c.p == '.') {
            c.p++;
            scan_digits(&c, true);
        }
        if (!c.seen || !scan_exponent(&c) || c.p != c.end)
            return false;
        snprintf(c.out + c.n, sizeof c.out - (size_t)c.n, "%se%d", c.n ? "" : "0", c.exp);
        v = strtod(c.out, NULL);
        if (isinf(v))
            return false;
    }
    *x = minus ? -v : v;
    return true;
}
