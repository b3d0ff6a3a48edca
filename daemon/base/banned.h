/*
 * Functions nobody may call here, and what to call instead. Included by mem.h, which every file includes.
 * Unbounded or locale-bound string functions turn into compile errors.
 */
#ifndef GPUFLEET_BANNED_H
#define GPUFLEET_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef gets
#undef atoi
#undef atol
#undef strtok
#define strcpy(d, s)       banned_use_str_copy
#define strcat(d, s)       banned_use_buf_append
#define strncpy(d, s, n)   banned_use_str_copy
#define strncat(d, s, n)   banned_use_buf_append
#define sprintf(...)       banned_use_snprintf_or_buf_printf
#define vsprintf(...)      banned_use_vsnprintf
#define gets(s)            banned
#define atoi(s)            banned_use_str_to_i64
#define atol(s)            banned_use_str_to_i64
#define strtok(s, d)       banned_use_str_split
#define system(c)          banned_no_shell
#define popen(c, m)        banned_no_shell
#define rand()             banned_use_rng
#define srand(s)           banned_use_rng
#define localtime(t)       banned_use_instant
#define gmtime(t)          banned_use_instant
#define ctime(t)           banned_use_instant
#define asctime(t)         banned_use_instant

#endif
