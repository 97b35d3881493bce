"""What the models are told. Sources stand between tags that they cannot close."""

Q1 = """\
Write a question whose only answer is the name given below, from what the passage says about it.

The question must make sense to somebody who has not seen the passage, and must not contain the \
name.

<passage>{passage}</passage>
<name>{name}</name>

Answer with one line:
QUESTION: the question"""

Q2 = """\
Write a question about the name given below that the passage answers, and its answer.

The question must contain the name exactly as given. The answer must be a few words that stand in \
the passage as they are, and not the name itself.

<passage>{passage}</passage>
<name>{name}</name>

Answer with two lines:
QUESTION: the question
ANSWER: the answer"""

MERGE = """\
Merge two questions into one that can only be answered by answering both.

The first question's answer is the name given below; the second question is about that name. Put \
what the first question asks in the place of the name. The merged question must not contain the \
name, and its answer must be that of the second question.

<first>{first}</first>
<second>{second}</second>
<name>{name}</name>

Answer with one line:
QUESTION: the merged question"""

FACT = """\
Say one thing about the table below that somebody might ask about: a comparison, a count, an \
extreme or a look-up that starts from the row given.

<table>{table}</table>
<row>{row}</row>

Answer with one line:
FACT: the statement"""

SQL = """\
Write one SQLite SELECT statement whose result shows what the statement below says.

Read the tables only, and let the result be one value or a few. Every order that matters needs an \
ORDER BY without ties.

<table>{table}</table>
<statement>{statement}</statement>

Answer with one line:
SQL: the SELECT statement"""

ASK = """\
Write the question that the SQL statement below answers, as somebody would ask it who knows what \
the table is about but has not seen it.

Name what is asked for exactly, do not speak of SQL, and do not give the answer.

<table>{table}</table>
<sql>{sql}</sql>
<answer>{answer}</answer>

Answer with one line:
QUESTION: the question"""

IMPUTE_Q1 = """\
A question was made by merging two. The first of them is lost. Write it again.

Its answer is the name given below, and the passage says so. It must not contain the name.

<merged>{merged}</merged>
<second>{second}</second>
<passage>{passage}</passage>
<name>{name}</name>

Answer with one line:
QUESTION: the first question"""

SOLVE = "{context}\n\nQuestion: {question}\nAnswer:"
"""What is learned from, and so has nothing in it that changes from item to item but the item."""
SOLVE_SQL = "{context}\n\nQuestion: {question}\nSQL:"
BLIND = "Question: {question}\nAnswer:"
