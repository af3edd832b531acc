//! A man page and completions for shells, made of the same table of flags as the help.

use std::fmt::Write;

use super::flags::Flag;

/// The commands beside checking.
const COMMANDS: [(&str, &str); 4] = [
    ("check", "check targets once: what is done where no command is named"),
    ("demo", "100 services of 200 ms, checked: no network, no arguments"),
    ("mock", "a service to try it on, with delays and faults"),
    ("compare", "the same checks one by one, by threads, and by one loop"),
];

/// Makes what is wanted: `man`, `bash`, `zsh` or `fish`. `usage` is the text before the flags.
///
/// # Errors
/// There is no such thing.
pub(super) fn generate<I>(what: &str, table: &[Flag<I>], usage: &str) -> Result<String, String> {
    match what {
        "man" => Ok(man(table, usage)),
        "bash" => Ok(bash(table)),
        "zsh" => Ok(zsh(table)),
        "fish" => Ok(fish(table)),
        other => Err(format!("'{}' is none of man, bash, zsh and fish", other.escape_debug())),
    }
}

/// Every spelling of a flag, with its hyphens.
fn spellings<I>(flag: &Flag<I>) -> Vec<String> {
    let (alias, alias_short) = flag.alias.unzip();
    let short = |letter: char| format!("-{letter}");
    let long = |name: &str| format!("--{name}");
    let first = flag.short.map(short).into_iter().chain([long(flag.long)]);
    first.chain(alias_short.flatten().map(short)).chain(alias.map(long)).collect()
}

fn one_line(help: &str) -> String {
    help.replace('\n', " ")
}

/// Whether the value is the name of a file.
fn wants_file<I>(flag: &Flag<I>) -> bool {
    flag.value.is_some_and(|value| value.contains("FILE") || value == "PATH")
}

/// The values that there are, where they are few.
fn values<I>(flag: &Flag<I>) -> &'static str {
    match flag.long {
        "output" => "human ndjson",
        "color" => "auto always never",
        "generate" => "man bash zsh fish",
        _ => "",
    }
}

fn man<I>(table: &[Flag<I>], usage: &str) -> String {
    let mut page = String::from(".TH UPCHECK 1\n.SH NAME\nupcheck \\- check many services at once, from one thread\n");
    page.push_str(".SH SYNOPSIS\n.B upcheck\n[FLAGS] TARGET...\n.SH DESCRIPTION\n.nf\n");
    for line in usage.lines() {
        page.push_str(&roff(line));
        page.push('\n');
    }
    page.push_str(".fi\n");
    let mut group = "";
    for flag in table {
        if flag.group != group {
            group = flag.group;
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(page, ".SH {}", roff(&group.to_uppercase()));
        }
        let names: Vec<String> = spellings(flag).iter().map(|name| format!("\\fB{}\\fR", roff(name))).collect();
        let value = flag.value.map_or(String::new(), |value| format!(" \\fI{}\\fR", roff(value)));
        let _ = writeln!(page, ".TP\n{}{value}\n{}", names.join(", "), roff(&one_line(flag.help)));
    }
    page.push_str(".SH EXIT STATUS\n0 all up or degraded, 1 something down or unknown, 3 could not run, 124 \\-\\-wait ran out,\n");
    page.push_str("130 or 143 after SIGINT or SIGTERM.\n");
    page
}

/// A text in which nothing means anything to roff.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn bash<I>(table: &[Flag<I>]) -> String {
    let all: Vec<String> = table.iter().flat_map(spellings).collect();
    let mut script =
        String::from("_upcheck() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n");
    script.push_str("    COMPREPLY=()\n    case $prev in\n");
    for flag in table.iter().filter(|flag| flag.value.is_some()) {
        let words = match (wants_file(flag) && values(flag).is_empty(), values(flag)) {
            (true, _) => "-f".to_owned(),
            (false, values) => format!("-W '{values}'"),
        };
        let _ = writeln!(
            script,
            "        {}) COMPREPLY=($(compgen {words} -- \"$cur\")); return ;;",
            spellings(flag).join("|")
        );
    }
    let commands: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
    let _ = write!(
        script,
        "    esac\n    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W '{}' -- \"$cur\"))\n    \
         elif [[ $COMP_CWORD == 1 ]]; then\n        COMPREPLY=($(compgen -W '{}' -- \"$cur\"))\n    fi\n}}\n\
         complete -F _upcheck upcheck\n",
        all.join(" "),
        commands.join(" ")
    );
    script
}

fn zsh<I>(table: &[Flag<I>]) -> String {
    let quoted = |text: &str| text.replace('\'', "'\\''");
    let described = |help: &str| quoted(&one_line(help)).replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
    let mut script = String::from("#compdef upcheck\n_arguments -s \\\n");
    for flag in table {
        for name in spellings(flag) {
            let value = match (flag.value, values(flag)) {
                (None, _) => String::new(),
                (Some(_), "") if wants_file(flag) => ":file:_files".to_owned(),
                (Some(_), "") => ":value:".to_owned(),
                (Some(_), values) => format!(":value:({values})"),
            };
            let _ = writeln!(script, "    '*{name}[{}]{value}' \\", described(flag.help));
        }
    }
    let commands: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(script, "    '1:command or target:({})' \\\n    '*:target:'", commands.join(" "));
    script
}

fn fish<I>(table: &[Flag<I>]) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let mut script = String::from("complete -c upcheck -f\n");
    for (name, about) in COMMANDS {
        let _ = writeln!(script, "complete -c upcheck -n __fish_use_subcommand -a {name} -d '{}'", quoted(about));
    }
    for flag in table {
        let (alias, alias_short) = flag.alias.unzip();
        for (long, short) in [(Some(flag.long), flag.short), (alias, alias_short.flatten())] {
            let Some(long) = long else { continue };
            let short = short.map_or(String::new(), |letter| format!(" -s {letter}"));
            let value = match (flag.value, values(flag)) {
                (None, _) => String::new(),
                (Some(_), "") if wants_file(flag) => " -r -F".to_owned(),
                (Some(_), "") => " -x".to_owned(),
                (Some(_), values) => format!(" -x -a '{values}'"),
            };
            let _ =
                writeln!(script, "complete -c upcheck{short} -l {long}{value} -d '{}'", quoted(&one_line(flag.help)));
        }
    }
    script
}
