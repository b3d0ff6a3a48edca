/*
 * The terminal: is there one, how wide is it, may it have colours; questions, and Ctrl-C held back while something must not be
 * left half done.
 */
#ifndef GPUFLEET_CTL_TERM_H
#define GPUFLEET_CTL_TERM_H

#include "base/instant.h"

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_GREEN, STYLE_YELLOW, STYLE_BLUE };

/* Locale and colours; `no_color` is the option. */
void term_init(bool no_color);

bool term_is_out(void);   /* standard output is a terminal */
bool term_is_err(void);   /* standard error is one */
bool term_can_ask(void);  /* somebody can read questions and answer them */
int term_width(FILE *to); /* columns; 0: no terminal, nothing may be cut */
int term_height(FILE *to);

/* The escape sequence that begins (or, STYLE_PLAIN, ends) a style on `to`; "" where there are no colours. */
const char *term_style(FILE *to, enum style s);

/* Ask on standard error; 'n' for example when the answer begins with n. Repeats until one of `letters` (lower case) is given;
 * an empty line is `fallback`. 0: end of input or Ctrl-C. */
char term_choose(const char *question, const char *letters, char fallback);
bool term_confirm(const char *question); /* [y/N] */
/* A line of text; false at the end of input. `secret`: nothing is echoed. Surrounding space is dropped. */
bool term_line(const char *question, const char *fallback, bool secret, struct buf *out);

/* Hold Ctrl-C (and SIGTERM) back and count; nested calls are fine. off: as before. */
void term_catch(bool on);
bool term_catching(void);
int term_interrupts(void); /* since the last call with term_forget_interrupts() */
void term_forget_interrupts(void);
int term_interrupt_fd(void); /* readable after Ctrl-C, for poll; -1 when not catching */
/* Sleep; true: cut short by Ctrl-C. */
bool term_sleep(duration d);

#endif
