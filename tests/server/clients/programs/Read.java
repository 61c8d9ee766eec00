// Prints what pgjdbc reads: the class and the text of each cell, by a simple and by a prepared statement.
import java.sql.*;

public class Read {
    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/"
            + System.getenv("PGDATABASE") + "?user=" + System.getenv("PGUSER");
        if (System.getenv("PGPASSWORD") != null) url += "&password=" + System.getenv("PGPASSWORD");
        try (Connection connection = DriverManager.getConnection(url)) {
            try (PreparedStatement statement = connection.prepareStatement(arguments[0] + " LIMIT ?")) {
                for (int time = 0; time < 7; time++) {  // after five it is prepared at the server and read in binary
                    statement.setInt(1, 1000);
                    print(statement.executeQuery(), time == 0 || time == 6);
                }
            }
        }
    }

    static void print(ResultSet rows, boolean shown) throws SQLException {
        ResultSetMetaData about = rows.getMetaData();
        while (rows.next())
            for (int column = 1; column <= about.getColumnCount(); column++) {
                Object value = rows.getObject(column);
                if (shown)
                    System.out.println(about.getColumnName(column) + " " + about.getColumnTypeName(column) + " "
                        + (value == null ? "null" : value.getClass().getSimpleName() + " "
                            + (value instanceof byte[] ? java.util.Arrays.toString((byte[]) value) : rows.getString(column))));
            }
    }
}
