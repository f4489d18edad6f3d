//! Numbers, texts and truth values; `ron` reads the digits and escapes.

use super::{Decoder, Diagnostic, Failure, Kind, mismatch};
use crate::sweep::fields::not_text;

impl<'n> Decoder<'n, '_> {
    pub(super) fn boolean(self) -> Result<bool, Failure> {
        match self.node.kind {
            Kind::Word("true") => Ok(true),
            Kind::Word("false") => Ok(false),
            Kind::Word(word) => {
                let diagnostic = mismatch(self.node, self.owner, "`true` or `false`");
                Err(match word.to_lowercase().as_str() {
                    "true" | "yes" | "on" => diagnostic.help("write `true`").into(),
                    "false" | "no" | "off" => diagnostic.help("write `false`").into(),
                    _ => diagnostic.into(),
                })
            }
            _ => Err(self.mismatch("`true` or `false`")),
        }
    }

    pub(super) fn whole_number(self) -> Result<u64, Failure> {
        const KIND: &str = "a whole number";
        let source = self.numeral(KIND)?;
        if let Ok(number) = ron::from_str(source) {
            return Ok(number);
        }
        let Ok(number) = ron::from_str::<f64>(source) else { return Err(self.malformed(KIND)) };
        let owner = self.owner;
        Err(if number < 0.0 {
            self.refused(format!("{owner} must not be negative"), "write 0 or a larger whole number")
        } else if number >= u64::MAX as f64 {
            self.refused(format!("{owner} is too large"), "write a smaller number")
        } else if number.fract() == 0.0 {
            self.refused(format!("{owner} must be written as a whole number"), format!("write `{number}`"))
        } else {
            let help = format!("write `{}` or `{}`", number.floor(), number.ceil());
            self.refused(format!("{owner} must be a whole number"), help)
        })
    }

    pub(super) fn number(self) -> Result<f64, Failure> {
        const KIND: &str = "a number";
        let number: f64 = ron::from_str(self.numeral(KIND)?).map_err(|_| self.malformed(KIND))?;
        if number.is_finite() {
            // No negative zero: settings that are equal are written alike, and have one job.
            Ok(number + 0.0)
        } else {
            Err(self.refused(format!("{} must be a finite number", self.owner), "write a smaller number"))
        }
    }

    pub(super) fn text(self) -> Result<&'n str, Failure> {
        match &self.node.kind {
            Kind::Text(text) => Ok(text),
            _ => Err(not_text(self.node, self.owner).into()),
        }
    }

    /// The digits of a number.
    fn numeral(self, expected: &str) -> Result<&'n str, Failure> {
        match &self.node.kind {
            Kind::Number => Ok(self.node.source),
            Kind::Text(text) if ron::from_str::<f64>(text).is_ok_and(f64::is_finite) => {
                let diagnostic = mismatch(self.node, self.owner, expected);
                Err(diagnostic.help(format!("write `{}`, without quotes", text.trim())).into())
            }
            _ => Err(self.mismatch(expected)),
        }
    }

    fn malformed(self, kind: &str) -> Failure {
        let message = format!("`{}` is not {kind}", self.node.source);
        Diagnostic::new(self.node.mark.clone(), message, format!("expected {kind}"))
            .help("numbers are written like `20`, `0.5` or `1e-6`")
            .into()
    }

    fn refused(self, message: String, help: impl Into<String>) -> Failure {
        Diagnostic::new(self.node.mark.clone(), message, "not possible").help(help).into()
    }
}
