//! A man page and completions for shells, made of the same table of flags as the help.

use super::COMMANDS;
use super::flags::Flag;
use super::spelling::did_you_mean;
use crate::report::formats;

/// Makes what is wanted: `man`, `bash`, `zsh` or `fish`. `usage` is the text before the flags.
///
/// # Errors
/// There is no such thing.
pub(super) fn generate<I>(what: &str, table: &[Flag<I>], usage: &str) -> Result<String, String> {
    let flags: Vec<Shown> = table.iter().map(Shown::new).collect();
    match what {
        "man" => Ok(man(&flags, usage)),
        "bash" => Ok(bash(&flags)),
        "zsh" => Ok(zsh(&flags)),
        "fish" => Ok(fish(&flags)),
        other => {
            let hint = did_you_mean(other, "", &["man", "bash", "zsh", "fish"]);
            Err(format!("'{}' is none of man, bash, zsh and fish{hint}", other.escape_debug()))
        }
    }
}

/// A flag as it is shown.
struct Shown {
    /// Its name, and then its other name, each with its letter if it has one.
    names: Vec<(&'static str, Option<char>)>,
    value: Option<&'static str>,
    /// The values that there are, where they are few.
    values: String,
    group: &'static str,
    help: String,
}

impl Shown {
    fn new<I>(flag: &Flag<I>) -> Shown {
        let values = match flag.long {
            "output" => formats::names().join(" "),
            "color" => "auto always never".to_owned(),
            "generate" => "man bash zsh fish".to_owned(),
            _ => String::new(),
        };
        let mut names = vec![(flag.long, flag.short)];
        names.extend(flag.alias);
        Shown { names, value: flag.value, values, group: flag.group, help: flag.help.replace('\n', " ") }
    }

    /// Every spelling, with its hyphens.
    fn spellings(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (long, short) in &self.names {
            if let Some(letter) = short {
                all.push(["-", letter.encode_utf8(&mut [0; 4])].concat());
            }
            all.push(["--", long].concat());
        }
        all
    }

    /// Whether the value is the name of a file.
    fn wants_file(&self) -> bool {
        self.values.is_empty() && self.value.is_some_and(|value| value.contains("FILE") || value == "PATH")
    }
}

// Not inlined: nobody waits for it, and it is used often.
#[inline(never)]
fn push(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
}

fn man(flags: &[Shown], usage: &str) -> String {
    let mut page = String::from(".TH UPCHECK 1\n.SH NAME\nupcheck \\- check many services at once, from one thread\n");
    push(&mut page, &[".SH SYNOPSIS\n.B upcheck\n[FLAGS] TARGET...\n.SH DESCRIPTION\n.nf\n"]);
    for line in usage.lines() {
        push(&mut page, &[&roff(line), "\n"]);
    }
    push(&mut page, &[".fi\n"]);
    let mut group = "";
    for flag in flags {
        if flag.group != group {
            group = flag.group;
            push(&mut page, &[".SH ", &roff(&group.to_uppercase()), "\n"]);
        }
        push(&mut page, &[".TP\n\\fB", &roff(&flag.spellings().join(", ")), "\\fR"]);
        if let Some(value) = flag.value {
            push(&mut page, &[" \\fI", &roff(value), "\\fR"]);
        }
        push(&mut page, &["\n", &roff(&flag.help), "\n"]);
    }
    push(
        &mut page,
        &[
            ".SH EXIT STATUS\n0 all up or degraded, 1 something down or unknown, 3 could not run, 124 \\-\\-wait ran out,\n",
            "130 or 143 after SIGINT or SIGTERM.\n",
        ],
    );
    page
}

/// A text in which nothing means anything to roff.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { ["\\&", &text].concat() } else { text }
}

/// The commands that are built in, each with what it does.
fn commands() -> impl Iterator<Item = (&'static str, &'static str)> {
    let check = ("check", "check targets once: what is done where no command is named");
    let others = COMMANDS.iter().filter(|command| command.run.is_some()).map(|command| (command.name, command.help));
    [check].into_iter().chain(others)
}

fn command_names() -> String {
    commands().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

fn bash(flags: &[Shown]) -> String {
    let mut script =
        String::from("_upcheck() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n");
    push(&mut script, &["    COMPREPLY=()\n    case $prev in\n"]);
    let mut all = String::new();
    for flag in flags {
        let spellings = flag.spellings();
        push(&mut all, &[&spellings.join(" "), " "]);
        if flag.value.is_some() {
            push(&mut script, &["        ", &spellings.join("|"), ") COMPREPLY=($(compgen "]);
            match flag.wants_file() {
                true => push(&mut script, &["-f"]),
                false => push(&mut script, &["-W '", &flag.values, "'"]),
            }
            push(&mut script, &[" -- \"$cur\")); return ;;\n"]);
        }
    }
    push(
        &mut script,
        &[
            "    esac\n    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W '",
            &all,
            "' -- \"$cur\"))\n    elif [[ $COMP_CWORD == 1 ]]; then\n        COMPREPLY=($(compgen -W '",
            &command_names(),
            "' -- \"$cur\"))\n    fi\n}\ncomplete -F _upcheck upcheck\n",
        ],
    );
    script
}

fn zsh(flags: &[Shown]) -> String {
    let mut script = String::from("#compdef upcheck\n_arguments -s \\\n");
    for flag in flags {
        let mut help = flag.help.clone();
        for (odd, escaped) in [("'", "'\\''"), ("[", "\\["), ("]", "\\]"), (":", "\\:")] {
            help = help.replace(odd, escaped);
        }
        for name in flag.spellings() {
            push(&mut script, &["    '*", &name, "[", &help, "]"]);
            match flag.value {
                None => {}
                Some(_) if flag.wants_file() => push(&mut script, &[":file:_files"]),
                Some(_) if flag.values.is_empty() => push(&mut script, &[":value:"]),
                Some(_) => push(&mut script, &[":value:(", &flag.values, ")"]),
            }
            push(&mut script, &["' \\\n"]);
        }
    }
    push(&mut script, &["    '1:command or target:(", &command_names(), ")' \\\n    '*:target:'\n"]);
    script
}

fn fish(flags: &[Shown]) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let mut script = String::from("complete -c upcheck -f\n");
    for (name, about) in commands() {
        push(&mut script, &["complete -c upcheck -n __fish_use_subcommand -a ", name, " -d '", &quoted(about), "'\n"]);
    }
    for flag in flags {
        for (long, short) in &flag.names {
            push(&mut script, &["complete -c upcheck -l ", long]);
            if let Some(letter) = short {
                push(&mut script, &[" -s ", letter.encode_utf8(&mut [0; 4])]);
            }
            match flag.value {
                None => {}
                Some(_) if flag.wants_file() => push(&mut script, &[" -r -F"]),
                Some(_) if flag.values.is_empty() => push(&mut script, &[" -x"]),
                Some(_) => push(&mut script, &[" -x -a '", &flag.values, "'"]),
            }
            push(&mut script, &[" -d '", &quoted(&flag.help), "'\n"]);
        }
    }
    script
}
