//! Plots as inline SVG: no script, no font, nothing fetched.

use std::fmt::Write;

/// One line of a plot.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// Any CSS colour.
    pub(crate) colour: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A plot of lines over a common x axis.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    pub(crate) x_marks: Vec<(f64, String)>,
    pub(crate) y_unit: &'static str,
    /// Logarithmic y axis; values below 1 are drawn at 1.
    pub(crate) y_scale: Scale,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    Log,
}

impl Plot {
    pub(crate) fn svg(&self) -> String {
        let mut svg = format!(
            "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            self.title, self.title
        );
        self.write_y_axis(&mut svg);
        self.write_x_axis(&mut svg);
        for (index, line) in self.lines.iter().enumerate() {
            self.write_line(&mut svg, line, index);
        }
        svg.push_str("</svg></figure>\n");
        svg
    }

    fn write_y_axis(&self, svg: &mut String) {
        for value in self.y_marks() {
            let y = self.y(value);
            push(
                svg,
                format_args!(
                    "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"grid\"/>"
                ),
            );
            let (x, y) = (LEFT - 6.0, y + 4.0);
            push(
                svg,
                format_args!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>", short(value)),
            );
        }
        push(svg, format_args!("<text x=\"{LEFT}\" y=\"12\">{}</text>", self.y_unit));
    }

    fn write_x_axis(&self, svg: &mut String) {
        for (value, label) in &self.x_marks {
            let (x, y) = (self.x(*value), BOTTOM + 16.0);
            push(svg, format_args!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>"));
        }
    }

    fn write_line(&self, svg: &mut String, line: &Line, index: usize) {
        let mut points = String::new();
        for &(x, y) in &line.points {
            push(&mut points, format_args!("{:.1},{:.1} ", self.x(x), self.y(y)));
        }
        let colour = line.colour;
        push(
            svg,
            format_args!(
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{points}\"/>"
            ),
        );
        let x = LEFT + 110.0 + 150.0 * index as f64;
        push(svg, format_args!("<text x=\"{x}\" y=\"12\" fill=\"{colour}\">{}</text>", line.name));
    }

    fn x(&self, value: f64) -> f64 {
        let all = || self.lines.iter().flat_map(|line| line.points.iter().map(|point| point.0));
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        LEFT + (RIGHT - LEFT) * ((value - low) / (high - low).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let top = self.top();
        let share = match self.y_scale {
            Scale::Linear => value / top,
            Scale::Log => value.max(1.0).log10() / top.log10(),
        };
        BOTTOM - (BOTTOM - TOP) * share.clamp(0.0, 1.0)
    }

    fn y_marks(&self) -> Vec<f64> {
        let top = self.top();
        match self.y_scale {
            Scale::Linear => (0..=4).map(|quarter| top * f64::from(quarter) / 4.0).collect(),
            Scale::Log => (0..=9).map(|power| 10_f64.powi(power)).take_while(|&mark| mark <= top).collect(),
        }
    }

    /// The end of the y axis: a round number that nothing exceeds.
    fn top(&self) -> f64 {
        let highest =
            self.lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(1.0, f64::max);
        let power = 10_f64.powf(highest.log10().floor());
        match self.y_scale {
            Scale::Log => 10_f64.powf(highest.log10().ceil().max(1.0)),
            Scale::Linear => [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]
                .into_iter()
                .map(|step| step * power)
                .find(|&top| top >= highest)
                .unwrap_or(highest),
        }
    }
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a String takes all that is written");
}

/// `1200` as `1.2k`.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e3 => format!("{}k", value / 1e3),
        value => format!("{value}"),
    }
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 845.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 270.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(y_scale: Scale, points: &[(f64, f64)]) -> Plot {
        let lines = vec![Line { name: "a", colour: "red", points: points.to_vec() }];
        Plot { title: "t", x_marks: vec![(0.0, "0".into())], y_unit: "u", y_scale, lines }
    }

    #[test]
    fn points_lie_inside_the_frame_and_are_numbers() {
        for points in [&[][..], &[(0.0, 0.0)], &[(0.0, 0.0), (10.0, 1.0e9)], &[(1.0, 3.0), (2.0, 7.0)]] {
            for scale in [Scale::Linear, Scale::Log] {
                let plot = plot(scale, points);
                assert!(!plot.svg().contains("NaN") && !plot.svg().contains("inf"), "{}", plot.svg());
                for &(x, y) in points {
                    assert!((LEFT..=RIGHT).contains(&plot.x(x)) && (TOP..=BOTTOM).contains(&plot.y(y)));
                }
            }
        }
    }

    #[test]
    fn the_axis_ends_at_a_round_number() {
        assert_eq!(plot(Scale::Linear, &[(0.0, 3.0)]).top(), 4.0);
        assert_eq!(plot(Scale::Linear, &[(0.0, 61_000.0)]).top(), 80_000.0);
        assert_eq!(plot(Scale::Log, &[(0.0, 61_000.0)]).top(), 100_000.0);
    }
}
