# Prints what DBD::Pg reads, by a plain and by a prepared statement.
use strict; use warnings; use DBI;
binmode STDOUT, ":utf8";
my $db = DBI->connect("dbi:Pg:", "", "", { RaiseError => 1, PrintError => 0 });
for my $asked ([$ARGV[0]], ["$ARGV[0] LIMIT ?", 1000]) {
    my ($sql, @values) = @$asked;
    my $statement = $db->prepare($sql);
    $statement->execute(@values);
    while (my @row = $statement->fetchrow_array) {
        for my $at (0 .. $#row) {
            my $value = $row[$at];
            $value = join(",", map { defined $_ ? $_ : "null" } @$value) if ref $value eq "ARRAY";
            print "$statement->{NAME}[$at] ", defined $value ? $value : "null", "\n";
        }
    }
}
